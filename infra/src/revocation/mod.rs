//! Ended sessions and people who were shut out: the compacted topic `revoked.v1`, followed by everybody who verifies tokens.
//!
//! A token is good until its end, minutes later; what ends it earlier stands in that topic. auth-api writes it, through its outbox;
//! [`follow()`] reads it in every process that verifies tokens, into the set that [`Revocations`] is. A token that the set names is
//! refused, and who holds a socket with it is told at once ([`Revocations::watch`]).
//!
//! The set forgets an entry once no token it concerns can be good any more, so that its size is bounded by what was ended within
//! the life of a token. When the topic cannot be read, tokens go on being accepted until their end: chat must not stop with the
//! log's way to us, and a token's life is short.

mod follow;
mod record;
mod set;

pub use follow::follow;
pub use record::Revocation;
pub use set::{Revocations, Watched};
