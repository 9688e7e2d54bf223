//! The queries and the live feed against the real embedded log and the real SQLite read model, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "this is a test binary: helpers of tests fail by panicking, and print their seeds"
)]

mod fixture;
mod live;
mod queries;
mod search;
