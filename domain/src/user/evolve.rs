//! What an event changes. Total, and applying an event twice is the same as once.

use super::{Event, User};
use crate::envelope::Version;

impl User {
    /// Applies an event that made the stream's `version`.
    pub fn evolve(&mut self, event: &Event, version: Version) {
        self.version = version;
        match event {
            Event::Registered(profile) | Event::ProfileChanged(profile) => self.profile = Some(profile.clone()),
            Event::MuteChanged(change) => {
                if change.muted {
                    self.muted.insert(change.room_id);
                } else {
                    self.muted.remove(&change.room_id);
                }
            }
            Event::Deactivated(_) => self.deactivated = true,
        }
    }

    /// Whether somebody registered this id and has not left for good.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.profile.is_some() && !self.deactivated
    }
}
