//! What an event changes.

use super::{Event, User};
use crate::envelope::Version;

impl User {
    /// Applies an event that made the stream's `version`.
    pub fn evolve(&mut self, _event: &Event, version: Version) {
        self.version = version;
    }
}
