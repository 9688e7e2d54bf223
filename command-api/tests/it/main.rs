//! The write side on the real embedded log: ownership, pipeline, forwarding, faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and says where")]

mod foreign;
mod pipeline;
mod two_nodes;
mod world;
