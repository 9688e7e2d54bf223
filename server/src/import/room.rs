//! Imports one room, from where it stands: one message after another, since within a room order must hold.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use domain::room::Role;
use domain::{CommandId, UserId};
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::api::{Api, Fault, MessageView};
use server::archive::lines::Refused;
use server::archive::plan::{Act, Person, Room, Step};

/// Commands of one room that may be under way at once.
const BATCH_MAX: usize = 16;

/// Counts of the whole import.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages that are done, now or before.
    pub done: AtomicU64,
    /// Of these: found there already.
    pub found: AtomicU64,
    /// Coming and going.
    pub memberships: AtomicU64,
}

/// Why a room was not finished.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// The server does not answer.
    #[error("{room}: {fault}")]
    Server {
        /// Which room.
        room: String,
        /// What it said last.
        fault: Fault,
    },
    /// A line was refused, and the caller wants to stop then.
    #[error("{}: {}", .0.line, .0.reason)]
    Refused(Refused),
}

/// How an import goes on.
#[derive(Clone)]
pub struct Run {
    /// The server.
    pub api: Arc<Api>,
    /// What is counted.
    pub counts: Arc<Counts>,
    /// Cancelled to stop after the command that is under way.
    pub stop: CancellationToken,
    /// Whether to stop at the first refusal.
    pub stop_at_refusal: bool,
}

/// The steps of a room that are still to be done.
pub struct Remaining {
    /// The room.
    pub room: Room,
    /// Whether it must be made first.
    pub fresh: bool,
    /// The index of the first step to do.
    pub from: usize,
}

impl Remaining {
    /// The steps.
    pub fn steps(&self) -> &[Step] {
        self.room.steps.get(self.from..).unwrap_or_default()
    }

    /// Everybody whom the steps need.
    pub fn people(&self) -> impl Iterator<Item = Arc<Person>> {
        let maker = self.fresh.then(|| Arc::clone(&self.room.maker));
        maker.into_iter().chain(self.steps().iter().map(|step| Arc::clone(&step.person)))
    }
}

/// Asks how far the room came, and checks that it came there with these very messages.
pub async fn remaining(run: &Run, room: Room) -> Result<Remaining, Stopped> {
    let asked = resume(run, &room).await;
    let (fresh, from) = asked.map_err(|fault| Stopped::Server { room: room.original.clone(), fault })?;
    let found = room.steps.iter().take(from).filter(|step| matches!(step.act, Act::Say(_))).count() as u64;
    run.counts.found.fetch_add(found, Ordering::Relaxed);
    run.counts.done.fetch_add(found, Ordering::Relaxed);
    Ok(Remaining { room, fresh, from })
}

async fn resume(run: &Run, room: &Room) -> Result<(bool, usize), Fault> {
    // The room's owner is asked first: the read model may be behind, and what it does not show yet would be said a second time.
    // For somebody who is in it joining changes nothing; the answer stands for all that the room has so far.
    let joining = CommandId::from_uuid(infra::random::uuid_v7());
    let reached = match run.api.join(joining, room.id, &insider(run, room).await?, room.since).await {
        Err(fault) if fault.is("room-not-found") => return Ok((true, 0)),
        reached => reached?,
    };
    let Some(view) = run.api.room(room.id, &reached).await? else { return Ok((true, 0)) };
    let Some(before_last) = view.last_number.checked_sub(1) else { return Ok((false, 0)) };
    // Cheap first: where nothing was refused and nobody else spoke, the number of the last message says it all.
    let last = run.api.messages_after(room.id, before_last, &reached).await?;
    let place = usize::try_from(before_last).ok().and_then(|index| says(&room.steps).nth(index));
    if let (Some(message), Some((index, step))) = (last.first(), place)
        && is(message, step)
    {
        return Ok((false, index + 1));
    }
    let mut aligned = Aligned::default();
    let mut number = 0;
    loop {
        let page = run.api.messages_after(room.id, number, &reached).await?;
        let Some(last) = page.last() else { return Ok((false, aligned.next)) };
        number = last.number;
        page.iter().for_each(|message| aligned.pass(&room.steps, message));
    }
}

/// Who is in the room: whoever made it, whom no import takes out; where queries know that they have left it since, an owner in their
/// place, whom no import made one.
async fn insider(run: &Run, room: &Room) -> Result<UserId, Fault> {
    let (mut owner, mut cursor) = (None, None);
    while let Some(page) = run.api.members(room.id, cursor.as_deref()).await? {
        if page.items.iter().any(|member| member.user_id == room.maker.id) {
            return Ok(room.maker.id.clone());
        }
        let owners = page.items.into_iter().filter(|member| member.role == Role::Owner);
        owner = owner.or_else(|| owners.map(|member| member.user_id).next());
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(owner.unwrap_or_else(|| room.maker.id.clone()))
}

/// Follows the messages of a room along the steps that made them; messages that no step made are others' and passed over.
#[derive(Debug, Default)]
struct Aligned {
    /// The index after the last step that is done.
    next: usize,
}

impl Aligned {
    fn pass(&mut self, steps: &[Step], message: &MessageView) {
        let later = steps.get(self.next..).unwrap_or_default();
        if let Some(place) = later.iter().position(|step| is(message, step)) {
            self.next += place + 1;
        }
    }
}

fn says(steps: &[Step]) -> impl Iterator<Item = (usize, &Step)> {
    steps.iter().enumerate().filter(|(_, step)| matches!(step.act, Act::Say(_)))
}

/// Whether this step made that message. A text that was edited or deleted since counts by author and time.
fn is(message: &MessageView, step: &Step) -> bool {
    let Act::Say(text) = &step.act else { return false };
    message.author == step.person.id
        && message.sent_at == step.at
        && message.text.as_deref().is_none_or(|stored| stored == text.as_str())
}

/// Does what remains. Refused lines are returned.
pub async fn import(run: &Run, remaining: &Remaining) -> Result<Vec<Refused>, Stopped> {
    let room = &remaining.room;
    let mut refused = Vec::new();
    if remaining.fresh && !run.stop.is_cancelled() {
        let id = CommandId::derived(&format!("import:{}", room.source), &format!("room:{}", room.original));
        let made = run.api.create_room(id, room).await;
        settle(run, room, None, made, &mut refused)?;
    }
    for batch in batches(remaining.steps()) {
        if run.stop.is_cancelled() {
            break;
        }
        let done = join_all(batch.iter().map(|step| perform(run, room, step))).await;
        for (step, done) in batch.iter().zip(done) {
            settle(run, room, Some(step), done, &mut refused)?;
        }
    }
    Ok(refused)
}

/// Steps that may be under way together: a message, and the comings and goings of *other* people between it and the next message.
/// Messages keep their order because each batch has one at most, and each person's steps keep theirs. A batch begins with its
/// message, so that whatever came before a message that is found by a resumed import was done before it.
fn batches(steps: &[Step]) -> impl Iterator<Item = &[Step]> {
    let mut rest = steps;
    std::iter::from_fn(move || {
        let (batch, later) = rest.split_at(together(rest));
        rest = later;
        (!batch.is_empty()).then_some(batch)
    })
}

/// How many of the first steps make one batch.
fn together(steps: &[Step]) -> usize {
    let mut people = BTreeSet::new();
    let no_second_message = |(i, step): &(usize, &Step)| *i == 0 || !matches!(step.act, Act::Say(_));
    let another_person = |(_, step): &(usize, &Step)| people.insert(step.person.id.clone());
    steps.iter().take(BATCH_MAX).enumerate().take_while(no_second_message).take_while(another_person).count()
}

async fn perform(run: &Run, room: &Room, step: &Step) -> Result<(), Fault> {
    let line = format!("{}:{}:{}", step.line.file, step.line.number, step.act.name());
    let id = CommandId::derived(&format!("import:{}", room.source), &line);
    let who = &step.person.id;
    match &step.act {
        Act::Say(text) => run.api.say(id, room.id, who, step.at, text.as_str()).await,
        Act::Join => run.api.join(id, room.id, who, step.at).await.map(drop),
        Act::Leave => run.api.leave(id, room.id, who).await,
    }
}

/// Counts what was done; tells apart what is so already, what is refused, and a server that is gone.
fn settle(
    run: &Run,
    room: &Room,
    step: Option<&Step>,
    done: Result<(), Fault>,
    refused: &mut Vec<Refused>,
) -> Result<(), Stopped> {
    let counts = &run.counts;
    match (done, step.map(|step| &step.act)) {
        (Ok(()), Some(Act::Say(_))) => _ = counts.done.fetch_add(1, Ordering::Relaxed),
        (Ok(()), Some(_)) => _ = counts.memberships.fetch_add(1, Ordering::Relaxed),
        (Ok(()), None) => {}
        // A repeat after the window within which repeats are recognised: the room is made, the person has gone.
        (Err(fault), None) if fault.is("room-exists") => {}
        (Err(fault), Some(Act::Leave)) if fault.is("not-a-member") => {}
        (Err(fault @ Fault::Refused { .. }), _) => {
            let line = step.map_or_else(|| room.source.to_string(), |step| step.line.shown(&room.source));
            let bad = Refused { line, reason: format!("{}: {fault}", room.original) };
            if run.stop_at_refusal || step.is_none() {
                return Err(Stopped::Refused(bad));
            }
            refused.push(bad);
        }
        (Err(fault), _) => return Err(Stopped::Server { room: room.original.clone(), fault }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::text::{MessageText, UserName};

    use super::*;
    use server::archive::plan::LineId;

    fn step(number: u64, second: i64, text: &str) -> Step {
        step_of("ann", number, second, text)
    }

    fn step_of(nick: &str, number: u64, second: i64, text: &str) -> Step {
        let (id, name) = (UserId::parse(&format!("{nick}.x")).unwrap(), UserName::parse(nick).unwrap());
        let person = Person { nick: nick.to_owned(), id, name, since: Timestamp::default() };
        let act = if text.is_empty() { Act::Join } else { Act::Say(MessageText::parse(text).unwrap()) };
        let at = Timestamp::from_millis(second * 1000).unwrap();
        Step { person: Arc::new(person), at, act, line: LineId { file: "messages", number } }
    }

    fn message(number: u64, second: i64, author: &str, text: Option<&str>) -> MessageView {
        let sent_at = Timestamp::from_millis(second * 1000).unwrap();
        MessageView { number, author: UserId::parse(author).unwrap(), sent_at, text: text.map(str::to_owned) }
    }

    #[test]
    fn messages_of_others_and_refused_lines_do_not_confuse_where_a_room_stands() {
        let steps = [step(1, 1, ""), step(1, 1, "a"), step(2, 2, "refused"), step(3, 3, "b"), step(4, 4, "b"), step(5, 5, "c")];
        let mut aligned = Aligned::default();
        for stored in [
            message(1, 1, "ann.x", Some("a")),
            message(2, 9, "eve", Some("b")),
            message(3, 3, "ann.x", None),
            message(4, 4, "ann.x", Some("b")),
        ] {
            aligned.pass(&steps, &stored);
        }
        assert_eq!(aligned.next, 5, "the next step is c");
    }

    #[test]
    fn messages_keep_their_order_and_so_do_the_steps_of_each_person() {
        let script = [
            ("cid", ""),
            ("cid", "a"),
            ("bob", ""),
            ("dan", ""),
            ("bob", "b"),
            ("cid", "c"),
            ("cid", ""),
            ("eve", ""),
            ("eve", ""),
            ("eve", "d"),
        ];
        let steps: Vec<_> = script.iter().enumerate().map(|(i, (nick, text))| step_of(nick, i as u64, 1, text)).collect();
        let told: Vec<Vec<u64>> = batches(&steps).map(|batch| batch.iter().map(|step| step.line.number).collect()).collect();
        assert_eq!(told, [vec![0], vec![1, 2, 3], vec![4], vec![5], vec![6, 7], vec![8], vec![9]]);
        let crowd: Vec<_> = (0..40).map(|i| step_of(&format!("n{i}"), i, 1, "")).collect();
        assert_eq!(batches(&crowd).map(<[Step]>::len).collect::<Vec<_>>(), [16, 16, 8]);
    }

    #[test]
    fn a_message_is_known_by_author_time_and_text() {
        let made = step(1, 1, "a");
        assert!(is(&message(1, 1, "ann.x", Some("a")), &made));
        for other in [message(1, 1, "bob.x", Some("a")), message(1, 2, "ann.x", Some("a")), message(1, 1, "ann.x", Some("b"))] {
            assert!(!is(&other, &made), "{other:?}");
        }
    }
}
