//! The write protocol, model-checked: an exhaustive search over every interleaving within stated bounds, in which each node runs
//! the production code that decides who may write and what counts: [`command_api::partition::ownership::Ownership`] and
//! [`domain::Cursor`].
//!
//! What is modelled around it: a log, a network that delays, loses, doubles and (if asked) reorders appends, nodes that pause (the
//! scheduler does not pick them), crash and restart from their local store, time out, and are told by wrong hints to claim at any
//! moment; commands that may be repeated at any node; refusals that depend on state.
//!
//! * [`world`]: the state and the steps of the whole;
//! * [`node`]: one node, around the production state machine, as `command_api::partition::owner` is;
//! * [`truth`]: what a reader of the whole log takes for true, and what must hold ([`truth::Broken`]);
//! * [`mutant`]: mistakes that look plausible; each must be caught;
//! * [`search`]: breadth first, so that a counterexample is a shortest one; [`scenario`]: the bounds.
//!
//! Not modelled: Kafka's replication (records below the high watermark are taken as durable), batches, several partitions.
//!
//! # How to add a mistake
//!
//! 1. Name it in [`mutant::Mutant`] and say in one sentence what it gets wrong.
//! 2. Divert one production call in `node.rs` where the mistake would sit.
//! 3. Give it a scenario in [`scenario::of_mutant`]; the test demands a counterexample.

pub mod mutant;
pub mod node;
pub mod scenario;
pub mod search;
pub mod truth;
pub mod world;
