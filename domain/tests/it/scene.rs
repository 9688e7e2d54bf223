//! A small language for specs: a [`Scene`] is *given*, somebody asks for something *when*, *then* it is told in one word what
//! became of it: the event's name, `already so`, or the code of the refusal.

use std::collections::BTreeMap;

use domain::command::{Context, Facts};
use domain::room::{self, Command, Event, Kind, Message, Number, Refusal, Role, Room};
use domain::text::{Emoji, MessageText, RoomName, Topic};
use domain::{CommandId, Decision, Timestamp, UserId};

/// The cast. `GHOST` never registered; between `FOE` and everybody else there is a block.
pub const OWNER: &str = "olga";
pub const MODERATOR: &str = "mona";
pub const MEMBER: &str = "mia";
pub const OTHER_MEMBER: &str = "milo";
pub const STRANGER: &str = "sam";
pub const GHOST: &str = "ghost";
pub const FOE: &str = "fay";

/// A room with its messages, as an owner holds them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scene {
    pub room: Room,
    pub messages: BTreeMap<Number, Message>,
    /// Every event so far.
    pub history: Vec<Event>,
}

pub fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}
pub fn users(ids: &[&str]) -> Vec<UserId> {
    ids.iter().map(|id| user(id)).collect()
}
pub fn text(raw: &str) -> MessageText {
    MessageText::parse(raw).unwrap()
}
/// The moment of the decision that makes `version`: each is one second after the one before.
pub fn moment(version: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(version).unwrap() * 1_000).unwrap()
}
/// The id of the command that makes `version`.
pub fn command_id(version: u64) -> CommandId {
    CommandId::from_uuid(uuid::Uuid::from_u128(version.into()))
}
/// Everybody but the ghost exists; with the foe, everybody stands in a block.
pub fn facts(about: &[UserId]) -> Facts {
    let those = |such: fn(&UserId) -> bool| about.iter().filter(|id| such(id)).cloned().collect();
    Facts { active_users: those(|id| id.as_str() != GHOST), blocked_users: those(|id| id.as_str() == FOE) }
}

/// Only the blocks: whom a text mentions is not asked to exist.
fn blocks(about: &[UserId]) -> Facts {
    Facts { active_users: std::collections::BTreeSet::new(), ..facts(about) }
}

impl Scene {
    /// No room yet.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// A room of `kind` with an owner, a moderator and two members; a direct one has its two people: [`MEMBER`], who opened it,
    /// and [`OTHER_MEMBER`].
    pub fn of(kind: Kind) -> Self {
        if kind == Kind::Direct {
            return Self::nothing().given(MEMBER, create_direct(&[OTHER_MEMBER]));
        }
        Self::nothing()
            .given(OWNER, create(kind, "the hall", &[MODERATOR, MEMBER, OTHER_MEMBER]))
            .given(OWNER, change_role(MODERATOR, Role::Moderator))
    }

    /// What happened before; it must have happened.
    #[expect(clippy::needless_pass_by_value, reason = "specs make each command where they name it")]
    pub fn given(mut self, who: &str, command: Command) -> Self {
        let outcome = self.when(who, &command);
        assert!(matches!(outcome, Ok(Decision::Event(_))), "given {who} {command:?}, but {outcome:?}");
        self
    }

    /// Decides, and applies the event if there is one.
    pub fn when(&mut self, who: &str, command: &Command) -> Result<Decision<Event>, Refusal> {
        let outcome = self.decide(who, command);
        if let Ok(Decision::Event(event)) = &outcome {
            self.apply(event.clone());
        }
        outcome
    }

    /// Decides only.
    pub fn decide(&self, who: &str, command: &Command) -> Result<Decision<Event>, Refusal> {
        let target = command.target().and_then(|number| self.messages.get(&number));
        let (actor, now) = (user(who), moment(self.room.version + 1));
        room::decide(&self.room, target, command, Context { actor: &actor, command: command_id(self.room.version + 1), now })
    }

    /// The event that the command yields; it must yield one.
    #[expect(clippy::needless_pass_by_value, reason = "specs make each command where they name it")]
    pub fn event(mut self, who: &str, command: Command) -> (Self, Event) {
        match self.when(who, &command) {
            Ok(Decision::Event(event)) => (self, event),
            other => panic!("{who} {command:?}: an event was expected, not {other:?}"),
        }
    }

    /// What becomes of it, in one word.
    pub fn then(&self, who: &str, command: &Command) -> String {
        match self.decide(who, command) {
            Ok(Decision::Event(event)) => {
                let name = domain::Event::Room(event).type_name();
                name.trim_start_matches("sarangbang.room.").trim_end_matches(".v1").to_owned()
            }
            Ok(Decision::AlreadySo) => "already so".to_owned(),
            Err(refusal) => refusal.code().to_owned(),
        }
    }

    pub fn apply(&mut self, event: Event) {
        self.room.evolve(&event, self.room.version + 1);
        if let Some(number) = event.message_number() {
            let before = self.messages.remove(&number);
            self.messages.extend(Message::evolve(before, &event).map(|message| (number, message)));
        }
        self.history.push(event);
    }

    pub fn details(&self) -> room::Details {
        self.room.details.clone().unwrap()
    }
}

pub fn create(kind: Kind, name: &str, members: &[&str]) -> Command {
    let members = users(members);
    let (name, facts) = (RoomName::parse(name).ok(), facts(&members));
    Command::Create { kind, name, topic: None, members, created_at: None, facts }
}
pub fn create_direct(members: &[&str]) -> Command {
    create(Kind::Direct, "", members)
}
pub fn rename(name: &str) -> Command {
    Command::Rename { name: RoomName::parse(name).unwrap() }
}
pub fn set_topic(topic: &str) -> Command {
    Command::SetTopic { topic: Topic::parse(topic).unwrap() }
}
pub fn add(ids: &[&str]) -> Command {
    let users = users(ids);
    let facts = facts(&users);
    Command::AddMembers { users, joined_at: None, facts }
}
pub fn join() -> Command {
    Command::Join { joined_at: None }
}
pub fn remove(id: &str) -> Command {
    Command::RemoveMember { user: user(id) }
}
pub fn change_role(id: &str, role: Role) -> Command {
    Command::ChangeRole { user: user(id), role }
}
pub fn send(raw: &str) -> Command {
    let mentions = domain::mentions::candidates(raw);
    let facts = blocks(&mentions);
    Command::SendMessage { text: text(raw), reply_to: None, mentions, facts, sent_at: None }
}
pub fn reply(raw: &str, to: Number) -> Command {
    Command::SendMessage { text: text(raw), reply_to: Some(to), mentions: Vec::new(), facts: Facts::default(), sent_at: None }
}
pub fn edit(number: Number, raw: &str) -> Command {
    let mentions = domain::mentions::candidates(raw);
    let facts = blocks(&mentions);
    Command::EditMessage { number, text: text(raw), mentions, facts }
}
pub const fn delete(number: Number) -> Command {
    Command::DeleteMessage { number }
}
pub fn react(number: Number, emoji: &str) -> Command {
    Command::AddReaction { number, emoji: Emoji::parse(emoji).unwrap() }
}
pub fn unreact(number: Number, emoji: &str) -> Command {
    Command::RemoveReaction { number, emoji: Emoji::parse(emoji).unwrap() }
}
