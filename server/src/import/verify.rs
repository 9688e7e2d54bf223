//! Reads everything back and compares it with the files: rooms, members, and each message's author, time and text.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::UserId;
use server::archive::plan::{Act, Room};

use super::api::{Api, Fault, ReadAfter};

/// How often a room that the read model has not reached yet is asked for again.
const ATTEMPTS_MAX: u32 = 60;
/// The pause between.
const PAUSE: Duration = Duration::from_secs(1);
/// Differences of one room that are told.
const DIFFERENCES_MAX: usize = 5;

/// What one room looks like.
#[derive(Debug, Default)]
pub struct Compared {
    /// Messages that are as in the file.
    pub same: u64,
    /// What is not, in words; at most a few.
    pub differences: Vec<String>,
}

impl Compared {
    fn differs(&mut self, room: &Room, what: &str) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(format!("{} {}: {what}", room.source, room.original));
        }
    }
}

/// Compares one room. `seen` is told how many messages were compared.
pub async fn room(api: &Api, room: &Room, seen: impl Fn(u64)) -> Result<Compared, Fault> {
    let mut compared = Compared::default();
    if !reached(api, room).await? {
        compared.differs(room, "it is not there, or has fewer messages than the file");
    }
    messages(api, room, &mut compared, seen).await?;
    let (expected, found) = (members_expected(room), members_found(api, room).await?);
    if expected != found {
        let (missing, surplus) = (expected.difference(&found).count(), found.difference(&expected).count());
        compared.differs(room, &format!("its members: {missing} missing, {surplus} too many"));
    }
    Ok(compared)
}

/// Waits until the read model shows as many messages as the file has.
async fn reached(api: &Api, room: &Room) -> Result<bool, Fault> {
    let wanted = room.messages() as u64;
    for _ in 0..ATTEMPTS_MAX {
        if api.room(room.id, &ReadAfter::default()).await?.is_some_and(|view| view.last_number >= wanted) {
            return Ok(true);
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(false)
}

async fn messages(api: &Api, room: &Room, compared: &mut Compared, seen: impl Fn(u64)) -> Result<(), Fault> {
    let mut expected =
        room.steps.iter().filter_map(|step| if let Act::Say(text) = &step.act { Some((step, text)) } else { None });
    let mut number = 0;
    loop {
        let page = api.messages_after(room.id, number, &ReadAfter::default()).await?;
        let Some(last) = page.last() else { break };
        for message in &page {
            number += 1;
            let same = expected.next().is_some_and(|(step, text)| {
                message.number == number
                    && message.author == step.person.id
                    && message.sent_at == step.at
                    && message.text.as_deref() == Some(text.as_str())
            });
            if same {
                compared.same += 1;
            } else {
                compared.differs(room, &format!("message {} is not as in the file", message.number));
            }
        }
        seen(page.len() as u64);
        number = last.number;
    }
    let missing = expected.count();
    if missing > 0 {
        compared.differs(room, &format!("{missing} messages are missing"));
    }
    Ok(())
}

/// Who is in the room when all steps are done.
fn members_expected(room: &Room) -> BTreeSet<UserId> {
    let mut members = BTreeSet::from([room.maker.id.clone()]);
    for step in &room.steps {
        match step.act {
            Act::Join => _ = members.insert(step.person.id.clone()),
            Act::Leave => _ = members.remove(&step.person.id),
            Act::Say(_) => {}
        }
    }
    members
}

async fn members_found(api: &Api, room: &Room) -> Result<BTreeSet<UserId>, Fault> {
    let mut found = BTreeSet::new();
    let mut cursor: Option<String> = None;
    while let Some(page) = api.members(room.id, cursor.as_deref()).await? {
        found.extend(page.items.into_iter().map(|member| member.user_id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}
