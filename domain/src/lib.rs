//! The domain: what may happen in Sarangbang, and nothing else.
//!
//! This crate is pure: no I/O, no clock, no randomness, no `async`. Time and identifiers come in with the command.
//! Its parts:
//!
//! * one folder an aggregate ([`user`], [`relation`], [`room`]): `command`, `event`, `state`, `decide`, `evolve`, `refusal`;
//! * [`envelope`]: an event with its metadata, and [`wire`]: its form as a Kafka record (CloudEvents 1.0, binary mode);
//! * [`acceptance`]: the one rule that says which records of a partition count;
//! * [`upcast`]: old forms of events become current when they are read;
//! * [`partitioning`]: which partition a stream lives in;
//! * [`mentions`]: whom a text may mention;
//! * [`saga`]: what services say to each other over the topic `sagas.v1`, and how a step of a saga is taken.
//!
//! # How to add an event
//!
//! 1. Add the payload and the variant in the aggregate's `event.rs`, with its versioned type name.
//! 2. Teach `evolve.rs` what it changes, and `decide.rs` which command yields it.
//! 3. Name it in the table of `wire.rs`, give it a sample in `tests/it/samples.rs` (with every field set) and let the test write
//!    its golden file, as the test says when it is missing.
//! 4. Add its row in `docs/events.md`, and its projection in `projectors`.
//!
//! # How to add a command
//!
//! 1. Add the variant in `command.rs` and decide it in `decide`; say in [`command`]'s `authority.rs` what it takes to ask for it.
//! 2. Add its row to the specs in `tests/it/`, one for each refusal.

pub mod acceptance;
pub mod command;
pub mod envelope;
pub mod ids;
pub mod mentions;
pub mod partitioning;
pub mod relation;
pub mod room;
pub mod saga;
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
