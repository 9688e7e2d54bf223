//! The live feed.

mod admission;
mod chain;
mod generations;
mod interruptions;
mod membership;
mod notices;

pub use chain::{facts, sent};
