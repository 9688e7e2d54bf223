//! The write protocol, model-checked: an exhaustive search over every interleaving within stated bounds, in which each node runs
//! the production code that decides who may write, what counts, and what may be answered when:
//! [`domain::acceptance`], [`command_api::partition::ownership`] and [`command_api::partition::pending`].
//!
//! What is modelled around it: a log, a network that delays, loses, doubles and (if asked) reorders appends; reports that come
//! with their offset or without one, late or never; leaders that die with what only they had; nodes that pause (the scheduler
//! does not pick them), die and start again with or without their local store, give up and claim anew with another producer
//! session while the old one's records are on their way, and are told by wrong hints to claim at any moment; commands that are
//! repeated at any node; refusals that depend on state.
//!
//! * [`world`]: the state of the whole, of [`shared`] parts, and what each [`step`] makes of it;
//! * [`protocol`]: what it needs of a node; `node.rs`: the node, around the production functions;
//! * [`truth`]: what a reader of the whole log takes for true, and what must hold ([`truth::Broken`]);
//! * [`mutant`]: mistakes that look plausible, as changes of the production text; each must be caught;
//! * [`search`]: breadth first, so that a counterexample is a shortest one; [`story`] tells it; [`scenario`]: the bounds.
//!
//! Not modelled: batches, several partitions, and the window after which a command's outcome is forgotten.
//!
//! # How to add a mistake
//!
//! 1. Write `mutants/NAME.diff`: a sentence that says what it gets wrong, then the changed lines, as its neighbours do.
//! 2. Give it a scenario in [`mutant`], if the usual one does not show it; the test demands a counterexample.

pub mod mutant;
pub mod production;
pub mod protocol;
pub mod record;
pub mod scenario;
pub mod search;
pub mod shared;
pub mod step;
pub mod story;
pub mod truth;
pub mod world;
