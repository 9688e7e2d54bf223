//! The projectors on the real embedded log and the real SQLite timeline: killed, doubled, paused, refused, steered.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "this is a test binary: helpers of tests fail by panicking"
)]

mod faulty;
mod generations;
mod parking;
mod rebuild;
mod recovery;
mod retrying;
mod searching;
mod stage;
mod steering;
