//! The domain: what may happen in Sarangbang, and nothing else.
//!
//! This crate is pure: no I/O, no clock, no randomness, no `async`. Time and identifiers come in with the command.
//! Its parts:
//!
//! * one folder an aggregate ([`user`], [`room`]): `command`, `event`, `state`, `decide`, `evolve`, `refusal`;
//! * [`envelope`]: an event with its metadata, and [`wire`]: its form as a Kafka record (CloudEvents 1.0, binary mode);
//! * [`acceptance`]: the one rule that says which records of a partition count;
//! * [`upcast`]: old forms of events become current when they are read;
//! * [`partitioning`]: which partition a stream lives in;
//! * [`mentions`]: whom a text may mention.
//!
//! # How to add an event
//!
//! 1. Add the payload and the variant in the aggregate's `event.rs`, with its versioned type name.
//! 2. Teach `evolve.rs` what it changes, and `decide.rs` which command yields it.
//! 3. Add a golden file under `tests/golden/` (the test names the path when it is missing).
//! 4. Add its projection in `projectors`, and its row in `docs/events.md`.

pub mod acceptance;
pub mod command;
pub mod envelope;
pub mod ids;
pub mod mentions;
pub mod partitioning;
pub mod room;
pub mod text;
pub mod time;
pub mod upcast;
pub mod user;
pub mod wire;

pub use acceptance::{Cursor, Epoch, Sequence, Verdict};
pub use command::{Command, Decision, NotAuthorised, Refusal, Scope};
pub use envelope::{Envelope, Event, Metadata};
pub use ids::{CommandHash, CommandId, RoomId, StreamId, UserId};
pub use time::Timestamp;
