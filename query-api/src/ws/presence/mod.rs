//! Presence: who is online, who is away, when somebody was last seen, and who types; across nodes, and never in the event log.
//!
//! ```text
//! socket says `presence` ─► here (this node's people) ── every beat ──► presence.v1 ─► known (everybody) ─► friends' sockets
//!                              ▲ circle: whether they hide, and friends                   └─► GET /chat/friends
//!                              └── read model, made stale by events of users.v1
//! ```
//!
//! Who may see somebody's presence: friends, neither of whom blocks the other. Whoever hides is to all others like somebody of whom
//! nothing is known.

mod board;
mod here;
mod known;
mod record;
mod tell;

pub use board::Board;
pub use record::{PresenceRecord, is_older};
pub use tell::run;
