//! What the index holds.

use std::fmt;

use domain::{RoomId, Sequence, Timestamp, UserId};

/// One document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// A message.
    Message(Message),
    /// A person.
    Person(Person),
}

/// A message as it is now.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Its room.
    pub room: RoomId,
    /// Its number there.
    pub number: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When: what it is dated by, so that an edit finds its document.
    pub sent_at: Timestamp,
    /// The text; nothing once it is deleted.
    pub text: Option<String>,
    /// Whom it mentions.
    pub mentions: Vec<UserId>,
    /// When the text last changed.
    pub edited_at: Option<Timestamp>,
    /// The sequence of the event that made it so, in the room's partition.
    pub version: Sequence,
}

impl fmt::Debug for Message {
    /// Without the text, which is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let characters = self.text.as_ref().map(|text| text.chars().count());
        f.debug_struct("Message")
            .field("room", &self.room)
            .field("number", &self.number)
            .field("version", &self.version)
            .field("characters", &characters)
            .finish_non_exhaustive()
    }
}

/// That somebody registered. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// When.
    pub registered_at: Timestamp,
    /// The sequence of the event, in the person's partition.
    pub version: Sequence,
}

/// A document that the index will never take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among those that were to be written.
    pub index: usize,
    /// Why.
    pub reason: String,
}
