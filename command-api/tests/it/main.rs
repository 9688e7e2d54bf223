//! The write side: its routes on a recording bus, and ownership, pipeline, forwarding and faults on the real embedded log.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, and says where")]

mod disk;
mod faults;
mod foreign;
mod http;
mod pipeline;
mod reports;
mod two_nodes;
mod usurper;
mod world;
