//! The live feed.

mod chain;
