//! The rows, in the order of the table.

mod embedded;
mod fail_over;
mod fan_out;
mod history;
pub mod http;
mod login;
mod message_cost;
mod projection;
mod replay;
mod send_message;
mod sockets;

use crate::row::Row;

/// All of them.
pub const ALL: &[&dyn Row] = &[
    &send_message::SendMessage,
    &http::Http,
    &login::Login,
    &embedded::Embedded,
    &replay::Replay,
    &message_cost::MessageCost,
    &projection::Projection,
    &history::History,
    &fan_out::FanOut,
    &sockets::Sockets,
    &fail_over::FailOver,
];
