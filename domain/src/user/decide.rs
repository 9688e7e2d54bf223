//! What a user stream allows.

use super::{Command, Event, Refusal, User};
use crate::command::{Context, Decision};

/// Decides `command` on the user as it is.
///
/// # Errors
/// A [`Refusal`], which leaves no event.
pub fn decide(_user: &User, _command: &Command, _context: Context<'_>) -> Result<Decision<Event>, Refusal> {
    Err(Refusal::UserNotFound)
}
