//! The tests of the orchestrator: one binary, so that a crate links once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this is a test binary: helpers of tests fail by panicking"
)]

mod commands;
mod crashes;
mod outcomes;
mod rooms;
mod system;
mod watching;
mod world;
