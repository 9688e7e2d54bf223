//! Sagas: what the services say to each other over the topic `sagas.v1`, and how a step is taken. Types alone; `docs/events.md`
//! explains the records, and the crate `orchestrator` holds the process managers.
//!
//! The rules that both sides rest on:
//! * a saga has one id ([`SagaId`]), which is the record's key, its subject and the correlation id of all that it causes;
//! * a message's own id is derived from the saga and the message's type ([`Envelope::id`]): a relay that sends it twice sends the
//!   same message, and who reads it twice does nothing the second time;
//! * a step's command id is derived from the saga and the step ([`SagaId::command`]): repeating it cannot do it twice;
//! * only a [`Refused`](Outcome::Refused) step is compensated. A time-out is an outcome that nobody knows yet: the step is repeated
//!   with the same command id until it is known ([`Outcome::of_answer`], [`Retry`]);
//! * no password and no e-mail address ever stands in a message.
//!
//! # How to add a message
//!
//! 1. Add its payload and its variant in `message.rs`, with its versioned type name.
//! 2. Give it a sample in `tests/it/sagas.rs`, and let the test write its golden file.
//! 3. Add its row in `docs/events.md`.

mod id;
mod message;
mod step;
mod wire;

pub use id::SagaId;
pub use message::{
    DeactivationRequested, MESSAGE_TYPES, Message, PersonDeactivated, PersonRegistered, ReasonCode, ReasonCodeError,
    RegistrationPersonal, RegistrationRefused, RegistrationRequested,
};
pub use step::{Outcome, Retry, Step};
pub use wire::Envelope;
