//! A room and its messages: one stream, keyed by the room id.
//!
//! The state comes in two parts, because a room may have a million messages: [`Room`] holds the details and the members, and a
//! [`Message`] holds the facts of one message. A command about a message is decided with the room and that one message.

mod command;
mod decide;
mod event;
mod evolve;
mod refusal;
mod state;

pub use command::Command;
pub use decide::decide;
pub use event::{
    Details, DetailsPersonal, Event, Kind, Member, MemberGone, MembersAdded, MessageDeleted, MessageEdited, MessageFacts,
    MessagePersonal, MessageSent, Reaction, Role, RoomCreated, Status,
};
pub use refusal::Refusal;
pub use state::{Content, Message, Room};

/// A message's number in its room, dense from 1.
pub type Number = u64;

/// The most members a room may have.
pub const MEMBERS_MAX: usize = 50_000;
/// The most people one command may add.
pub const MEMBERS_ADDED_MAX: usize = 1_000;
/// The most people one message may mention.
pub const MENTIONS_MAX: usize = 50;
/// The most names in one text that are looked up among the members: beyond it, an `@` is plain text.
pub const MENTION_CANDIDATES_MAX: usize = 4 * MENTIONS_MAX;
/// The most different reactions, counted once a person, that one message may carry.
pub const REACTIONS_MAX: usize = 1_000;
