//! The live feed.

mod admission;
mod chain;
mod generations;
mod interruptions;
mod membership;
mod notices;
mod presence;

pub use chain::{facts, sent};
