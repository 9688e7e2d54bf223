//! Black-box tests: the real program in processes of its own, spoken to as people do, over HTTP, WebSocket and a browser.
//!
//! Nothing here looks into a store, but for the [`checker`], which reads the log as any Kafka consumer can. What a scenario needs to know it asks the public surface; what it does to a process is what
//! operating systems do: SIGKILL, SIGTERM, SIGSTOP.
//!
//! # How to add a scenario
//!
//! 1. Write an `async fn` in `tests/it/scenarios/` that takes a [`system::Addresses`], so that it runs however the system is set up.
//! 2. Call it from a test in each of `tests/it/embedded.rs` and `tests/it/cluster.rs` where it makes sense.
//! 3. Wait with [`patience::until`], never by sleeping; print the seed of anything random.

pub mod browser;
pub mod chatdata;
pub mod checker;
pub mod faults;
pub mod gateway;
pub mod journal;
pub mod keys;
pub mod live;
pub mod load;
pub mod patience;
pub mod person;
pub mod process;
pub mod proof;
pub mod raw;
pub mod readback;
pub mod stranger;
pub mod system;
