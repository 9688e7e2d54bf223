//! The service as people meet it: real database, real log, and a small stand-in for the chat and its orchestrator.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on panics, and says where")]

mod administration;
mod chat;
mod crashes;
mod registration;
mod sessions;
mod sign_in;
mod world;
