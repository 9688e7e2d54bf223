//! What an event changes. Total, and applying an event twice is the same as once.

use super::{Event, User};
use crate::envelope::Version;
use crate::ids::CommandId;

impl User {
    /// Applies an event of `command` that made the stream's `version`.
    pub fn evolve(&mut self, event: &Event, version: Version, command: CommandId) {
        self.version = version;
        match event {
            Event::Registered(profile) => {
                self.profile = Some(profile.clone());
                self.registered_by = Some(command);
            }
            Event::ProfileChanged(profile) => self.profile = Some(profile.clone()),
            Event::MuteChanged(change) => {
                if change.muted {
                    self.muted.insert(change.room_id);
                } else {
                    self.muted.remove(&change.room_id);
                }
            }
            Event::VisibilityChanged(change) => self.presence_hidden = change.presence_hidden,
            Event::Deactivated(_) => self.deactivated = true,
        }
    }

    /// Whether somebody registered this id and has not left for good.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.profile.is_some() && !self.deactivated
    }
}
