//! The rows, in the order of the table.

mod embedded;
mod message_cost;
mod replay;
mod send_message;

use crate::row::Row;

/// All of them.
pub const ALL: &[&dyn Row] = &[&send_message::SendMessage, &embedded::Embedded, &replay::Replay, &message_cost::MessageCost];
