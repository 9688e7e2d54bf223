//! What an event changes. Total, and applying an event twice is the same as once.

use super::{Event, Friendship, Relation};
use crate::envelope::Version;

impl Relation {
    /// Applies an event that made the stream's `version`.
    pub fn evolve(&mut self, event: &Event, version: Version) {
        self.version = version;
        match event {
            Event::FriendRequested(step) => self.friendship = Friendship::RequestedBy(step.by.clone()),
            Event::FriendAccepted(_) => self.friendship = Friendship::Friends,
            Event::FriendDeclined(_) | Event::FriendRemoved(_) => self.friendship = Friendship::None,
            Event::Blocked(blocked) => {
                self.friendship = Friendship::None;
                self.blocked_by.insert(blocked.step.by.clone());
            }
            Event::Unblocked(unblocked) => {
                self.blocked_by.remove(&unblocked.step.by);
            }
        }
    }
}
