//! What an event changes.

use super::{Event, Message, Number, Room};
use crate::envelope::Version;
use crate::ids::UserId;

impl Room {
    /// Applies an event that made the stream's `version`.
    pub fn evolve(&mut self, _event: &Event, version: Version) {
        self.version = version;
    }
}

impl Message {
    /// The message after `event`, given it before; nothing when the event is not about a message.
    #[must_use]
    pub fn evolve(before: Option<Self>, _event: &Event) -> Option<Self> {
        before
    }
}

impl Event {
    /// The message that the event is about, if any.
    #[must_use]
    pub const fn message_number(&self) -> Option<Number> {
        None
    }

    /// The people whose membership the event changes.
    #[must_use]
    pub fn members_touched(&self) -> Vec<&UserId> {
        Vec::new()
    }
}
