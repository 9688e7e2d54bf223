//! Faults put upon real processes under a steady load, and what came of it.
//!
//! # How to add a fault
//!
//! 1. A variant of [`Fault`], with its name, and what it does in `inject` and `heal`.
//! 2. A line in [`Fault::random`], so that `cargo xtask prove faults` meets it.

pub mod clock;
pub mod database;
pub mod disk;
mod fault;
pub mod proxy;
mod run;
pub mod servers;
mod tally;

pub use fault::{Fault, Ground};
pub use run::{Options, run};
pub use tally::{Measured, Tally};
