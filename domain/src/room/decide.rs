//! What a room allows.

use super::{Command, Event, Message, Refusal, Room};
use crate::command::{Context, Decision};

/// Decides `command` on the room as it is. `target` is the message that [`Command::target`] names, if it exists.
///
/// # Errors
/// A [`Refusal`], which leaves no event.
pub fn decide(
    _room: &Room,
    _target: Option<&Message>,
    _command: &Command,
    _context: Context<'_>,
) -> Result<Decision<Event>, Refusal> {
    Err(Refusal::RoomNotFound)
}
