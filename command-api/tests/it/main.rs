//! The write side on the real embedded log: ownership, pipeline, forwarding, faults.

mod foreign;
mod pipeline;
mod two_nodes;
mod world;
