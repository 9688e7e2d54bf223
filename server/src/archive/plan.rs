//! What is to be done: from the lines of an archive to the steps of each room, in order.
//!
//! The plan is a pure function of the files, so that a resumed import makes the same commands under the same ids:
//! * a room is made, public, by whoever appears in it first;
//! * who speaks without having come, comes first, at the time of the message;
//! * who comes is in it until they leave; coming twice and leaving twice do nothing;
//! * whoever made the room stays in it: it needs an owner, and archives name no other;
//! * a new nickname is another person, for nobody can know more: the old one leaves and the new one comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use domain::text::{MessageText, ROOM_NAME_CHARACTERS_MAX, RoomName, UserName};
use domain::{RoomId, Timestamp, UserId};

use super::lines::{Archive, Line, Refused, What, read};
use super::names::{Tag, display_name, user_id};

/// A person of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The nickname there.
    pub nick: String,
    /// The id here.
    pub id: UserId,
    /// The display name here.
    pub name: UserName,
    /// When they first appear.
    pub since: Timestamp,
}

/// Everything to do for one archive.
#[derive(Debug)]
pub struct Plan {
    /// The source's name.
    pub source: String,
    /// Everybody, by nickname.
    pub people: BTreeMap<String, Arc<Person>>,
    /// The rooms by name.
    pub rooms: Vec<Room>,
    /// Lines that cannot be imported.
    pub refused: Vec<Refused>,
    /// Departures of those who made their room.
    pub owners_stayed: u64,
}

/// Everything to do in one room.
#[derive(Debug)]
pub struct Room {
    /// The source's name.
    pub source: Arc<str>,
    /// The room's name there.
    pub original: String,
    /// Its name here.
    pub name: RoomName,
    /// Its id here.
    pub id: RoomId,
    /// Who makes it.
    pub maker: Arc<Person>,
    /// When.
    pub since: Timestamp,
    /// What happens in it, in order.
    pub steps: Vec<Step>,
}

impl Room {
    /// How many messages it has.
    pub fn messages(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.act, Act::Say(_))).count()
    }
}

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whose.
    pub person: Arc<Person>,
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub act: Act,
    /// The line that it comes from, such as `messages:17`; with [`Act`]'s name it is what the command's id is derived from.
    pub line: LineId,
}

/// Where a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineId {
    /// `messages` or `memberships`.
    pub file: &'static str,
    /// The line's number.
    pub number: u64,
}

impl LineId {
    /// For people: the file's name, without folder and compression, and the line.
    pub fn shown(&self, source: &str) -> String {
        let ending = if self.file == MEMBERSHIPS { "membership.jsonl" } else { "jsonl" };
        format!("{source}.{ending}:{}", self.number)
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Say it.
    Say(MessageText),
    /// Walk in.
    Join,
    /// Walk out.
    Leave,
}

impl Act {
    /// Tells apart the steps of one line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "say",
            Self::Join => "join",
            Self::Leave => "leave",
        }
    }
}

const MESSAGES: &str = "messages";
const MEMBERSHIPS: &str = "memberships";

/// Reads an archive and plans it.
///
/// # Errors
/// When a file cannot be read, or two nicknames would become one person.
pub fn plan(archive: &Archive) -> Result<Plan> {
    let (messages, mut refused) = read(&archive.messages)?;
    let (memberships, refused_memberships) = archive.memberships.as_deref().map(read).transpose()?.unwrap_or_default();
    refused.extend(refused_memberships);
    of_lines(&archive.source, messages, memberships, refused)
}

/// Plans what the lines of an archive say.
///
/// # Errors
/// When two nicknames would become one person.
pub fn of_lines(source: &str, messages: Vec<Line>, memberships: Vec<Line>, refused: Vec<Refused>) -> Result<Plan> {
    let lines = messages.into_iter().map(|line| (MESSAGES, line)).chain(memberships.into_iter().map(|line| (MEMBERSHIPS, line)));
    of_marked_lines(source, lines.collect(), refused)
}

fn of_marked_lines(source: &str, mut lines: Vec<(&'static str, Line)>, refused: Vec<Refused>) -> Result<Plan> {
    // Stable: lines of one file keep their order, and a membership has the time of the message before it.
    lines.sort_by_key(|(_, line)| line.at);
    let people = people(source, &lines)?;
    let mut rooms: BTreeMap<String, Drafting> = BTreeMap::new();
    for (file, line) in lines {
        let person = |nick: &str| people.get(nick).cloned().with_context(|| format!("{nick:?} was not mapped"));
        let id = LineId { file, number: line.number };
        let who = person(&line.user)?;
        let room = match rooms.get_mut(&line.room) {
            Some(room) => room,
            // Somebody who only leaves was in a room that the archive tells nothing of.
            None if line.what == What::Left => continue,
            None => {
                let maker = if let What::Renamed(to) = &line.what { person(to)? } else { Arc::clone(&who) };
                rooms.entry(line.room.clone()).or_insert_with(|| Drafting::new(maker, line.at))
            }
        };
        match line.what {
            What::Said(text) => {
                room.join(&who, line.at, id);
                room.push(&who, line.at, id, Act::Say(text));
            }
            What::Joined => room.join(&who, line.at, id),
            What::Left => room.leave(&who, line.at, id),
            What::Renamed(to) => {
                room.join(&person(&to)?, line.at, id);
                if to != line.user {
                    room.leave(&who, line.at, id);
                }
            }
        }
    }
    let owners_stayed = rooms.values().map(|room| room.maker_stayed).sum();
    let shared: Arc<str> = source.into();
    let rooms = rooms.into_iter().map(|(name, room)| room.finish(&shared, name)).collect::<Result<_>>()?;
    Ok(Plan { source: source.to_owned(), people, rooms, refused, owners_stayed })
}

/// Everybody who does something, with the time of their first appearance.
fn people(source: &str, lines: &[(&'static str, Line)]) -> Result<BTreeMap<String, Arc<Person>>> {
    let tag = Tag::of(source);
    let mut people = BTreeMap::new();
    let mut ids: HashMap<UserId, String> = HashMap::new();
    for (_, line) in lines {
        let new_nick = if let What::Renamed(to) = &line.what { Some(to) } else { None };
        for nick in [Some(&line.user), new_nick].into_iter().flatten() {
            if people.contains_key(nick) {
                continue;
            }
            let id = user_id(&tag, nick).with_context(|| format!("{nick:?} cannot be made a user id"))?;
            let name = display_name(&id, nick).with_context(|| format!("{nick:?} cannot be made a display name"))?;
            if let Some(other) = ids.insert(id.clone(), nick.clone()) {
                bail!("{nick:?} and {other:?} would both become {id}; nothing was imported");
            }
            people.insert(nick.clone(), Arc::new(Person { nick: nick.clone(), id, name, since: line.at }));
        }
    }
    Ok(people)
}

/// A room while its lines are gone through.
struct Drafting {
    maker: Arc<Person>,
    since: Timestamp,
    inside: BTreeSet<UserId>,
    maker_stayed: u64,
    steps: Vec<Step>,
}

impl Drafting {
    fn new(maker: Arc<Person>, since: Timestamp) -> Self {
        let inside = BTreeSet::from([maker.id.clone()]);
        Self { maker, since, inside, maker_stayed: 0, steps: Vec::new() }
    }

    fn push(&mut self, who: &Arc<Person>, at: Timestamp, line: LineId, act: Act) {
        self.steps.push(Step { person: Arc::clone(who), at, act, line });
    }

    fn join(&mut self, who: &Arc<Person>, at: Timestamp, line: LineId) {
        if self.inside.insert(who.id.clone()) {
            self.push(who, at, line, Act::Join);
        }
    }

    fn leave(&mut self, who: &Arc<Person>, at: Timestamp, line: LineId) {
        if who.id == self.maker.id {
            self.maker_stayed += 1;
        } else if self.inside.remove(&who.id) {
            self.push(who, at, line, Act::Leave);
        }
    }

    fn finish(self, source: &Arc<str>, original: String) -> Result<Room> {
        let shown: String = original.chars().take(ROOM_NAME_CHARACTERS_MAX).collect();
        let name = RoomName::parse(&shown).or_else(|_| RoomName::parse("unnamed"))?;
        let id = RoomId::of_import(source, &original);
        let Self { maker, since, steps, .. } = self;
        Ok(Room { source: Arc::clone(source), original, name, id, maker, since, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(second * 1000).unwrap()
    }

    fn line(number: u64, second: i64, user: &str, what: What) -> Line {
        Line { number, room: "#a".to_owned(), user: user.to_owned(), at: at(second), what }
    }

    fn said(text: &str) -> What {
        What::Said(MessageText::parse(text).unwrap())
    }

    fn steps(lines: Vec<(&'static str, Line)>) -> (String, Vec<String>, u64) {
        let plan = of_marked_lines("irc", lines, vec![]).unwrap();
        let room = &plan.rooms[0];
        let told = |step: &Step| {
            let text = if let Act::Say(text) = &step.act { text.as_str() } else { "" };
            format!(
                "{} {} {}{}{text}",
                step.person.nick,
                step.act.name(),
                step.line.number,
                if text.is_empty() { "" } else { " " }
            )
        };
        (room.maker.nick.clone(), room.steps.iter().map(told).collect(), plan.owners_stayed)
    }

    #[test]
    fn whoever_appears_first_makes_the_room_and_speakers_come_before_they_speak() {
        let (maker, steps, _) = steps(vec![
            (MESSAGES, line(1, 10, "ann", said("hi"))),
            (MESSAGES, line(2, 11, "bob", said("ho"))),
            (MESSAGES, line(3, 12, "ann", said("so"))),
            (MEMBERSHIPS, line(1, 10, "cid", What::Joined)),
        ]);
        assert_eq!(maker, "ann");
        assert_eq!(steps, ["ann say 1 hi", "cid join 1", "bob join 2", "bob say 2 ho", "ann say 3 so"]);
    }

    #[test]
    fn people_come_and_go_once_and_the_maker_stays() {
        let (_, steps, stayed) = steps(vec![
            (MEMBERSHIPS, line(1, 1, "ann", What::Joined)),
            (MEMBERSHIPS, line(2, 2, "bob", What::Joined)),
            (MEMBERSHIPS, line(3, 3, "bob", What::Joined)),
            (MEMBERSHIPS, line(4, 4, "bob", What::Left)),
            (MEMBERSHIPS, line(5, 5, "bob", What::Left)),
            (MEMBERSHIPS, line(6, 6, "ann", What::Left)),
            (MESSAGES, line(1, 7, "bob", said("back"))),
        ]);
        assert_eq!(steps, ["bob join 2", "bob leave 4", "bob join 1", "bob say 1 back"]);
        assert_eq!(stayed, 1);
    }

    #[test]
    fn a_new_nickname_is_another_person() {
        let (_, steps, _) = steps(vec![
            (MESSAGES, line(1, 1, "ann", said("hi"))),
            (MESSAGES, line(2, 2, "bob", said("hi"))),
            (MEMBERSHIPS, line(1, 3, "bob", What::Renamed("Bob".to_owned()))),
            (MEMBERSHIPS, line(2, 4, "eve", What::Renamed("eva".to_owned()))),
        ]);
        assert_eq!(steps, ["ann say 1 hi", "bob join 2", "bob say 2 hi", "Bob join 1", "bob leave 1", "eva join 2"]);
    }

    #[test]
    fn the_same_files_give_the_same_plan_and_sources_do_not_mix() {
        let lines = || vec![(MESSAGES, line(1, 1, "ann", said("hi"))), (MESSAGES, line(2, 2, "Ann", said("hi")))];
        let (one, again) = (of_marked_lines("irc", lines(), vec![]).unwrap(), of_marked_lines("irc", lines(), vec![]).unwrap());
        assert_eq!(one.people, again.people);
        assert_eq!(one.rooms[0].steps, again.rooms[0].steps);
        let other = of_marked_lines("zulip", lines(), vec![]).unwrap();
        assert_ne!(one.rooms[0].id, other.rooms[0].id);
        assert!(one.people.values().all(|person| other.people.values().all(|their| their.id != person.id)));
    }
}
