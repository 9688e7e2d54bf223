//! The search projector: log → search index, beside the timeline and independent of it.
//!
//! It follows the event topics as the timeline's projectors do: judged by the same rule, in order, in bounded batches, and what cannot be
//! taken is parked. It differs in one thing: documents and checkpoint do not move in one transaction. A document carries the sequence of
//! its event as its version and is never replaced by a lower one, so that writing it again changes nothing; the checkpoint follows
//! once the documents are durable. Where the index cannot be reached nothing is lost: no more than one batch a partition is in memory,
//! and reading goes on from the checkpoint when it is back.
//!
//! # How to add an event to the index
//!
//! 1. Add its arm to [`project()`]: the documents that it makes, whole.
//! 2. Where they have a new field, add it to `infra::search::Document` and to both adapters.

mod follow;
mod project;
mod runner;

use std::time::Duration;

pub use project::project;
pub use runner::Indexer;

use crate::Status;

/// The name of the read model, in the records of parked events and in metrics.
pub const SEARCH: &str = "search";

/// How the search projector works.
#[derive(Debug, Clone)]
pub struct Options {
    /// The group of nodes that share the partitions; none where the index belongs to this process alone, which then follows all.
    pub group: Option<String>,
    /// The most records of one batch.
    pub batch_records_max: usize,
    /// The most bytes of one batch; a single larger record is a batch of its own.
    pub batch_bytes_max: usize,
    /// How long a task waits for the next record before it looks around.
    pub wait_max: Duration,
    /// The longest pause before something that failed is tried again.
    pub backoff_max: Duration,
    /// How often lag is measured.
    pub lag_interval: Duration,
    /// For how long messages are kept, from when they were sent; for ever unless it is set.
    pub retention: Option<Duration>,
    /// Whether it is for this projector to take away what is older; the index may do so itself.
    pub expires: bool,
    /// How often it is looked for what is older.
    pub expiry_interval: Duration,
    /// Where progress is shown; keep a clone.
    pub status: Status,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group: None,
            batch_records_max: 1_000,
            batch_bytes_max: 2 * 1024 * 1024,
            wait_max: Duration::from_secs(1),
            backoff_max: Duration::from_secs(5),
            lag_interval: Duration::from_secs(5),
            retention: None,
            expires: true,
            expiry_interval: Duration::from_secs(600),
            status: Status::default(),
        }
    }
}
