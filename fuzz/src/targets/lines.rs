//! Archives to be imported. The input is a file of messages, and behind a line `---` one of memberships.

use server::archive::lines::read_lines;
use server::archive::plan::{Act, of_lines};

pub fn run(input: &[u8]) -> String {
    let separator = b"\n---\n";
    let split = input.windows(separator.len()).position(|window| window == separator);
    let (messages, memberships) = match split {
        Some(at) => (input.get(..at).unwrap_or_default(), input.get(at + separator.len()..).unwrap_or_default()),
        None => (input, &[][..]),
    };
    let Ok((said, mut refused)) = read_lines(messages, "messages.jsonl") else { return "no archive".to_owned() };
    let Ok((came, more_refused)) = read_lines(memberships, "messages.membership.jsonl") else { return "no archive".to_owned() };
    refused.extend(more_refused);
    for bad in &refused {
        assert!(bad.reason.len() < 300, "a reason of {} bytes", bad.reason.len());
    }
    let count = (said.len().min(4), came.len().min(4), refused.len().min(4));
    let planned = || of_lines("fuzz", said.clone(), came.clone(), Vec::new());
    let (plan, again) = match (planned(), planned()) {
        (Ok(plan), Ok(again)) => (plan, again),
        (Err(_), Err(_)) => return "two become one".to_owned(),
        _ => panic!("the same files give a plan and none"),
    };
    assert_eq!(plan.people, again.people, "the same files give other people");
    let mut acts = [0_usize; 3];
    for (room, same) in plan.rooms.iter().zip(&again.rooms) {
        assert_eq!((room.id, &room.steps), (same.id, &same.steps), "the same files give other steps");
        assert!(room.steps.is_sorted_by_key(|step| step.at), "steps out of their order");
        for step in &room.steps {
            let act = match step.act {
                Act::Say(_) => 0,
                Act::Join => 1,
                Act::Leave => 2,
            };
            if let Some(count) = acts.get_mut(act) {
                *count += 1;
            }
        }
    }
    format!("{count:?} {} {:?}", plan.rooms.len().min(4), acts.map(|count| count.min(3)))
}
