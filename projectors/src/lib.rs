//! Projectors: they read the log and write the read models, and nothing else. They write no events and answer no queries.
//!
//! [`Projectors`] follow every partition that the log assigns to this node, each in its own task, in order, in bounded batches. Rows and
//! checkpoint move in one transaction, and the checkpoint only from where the task believes it to be: so a task that was paused
//! and taken for dead cannot write twice, whoever was assigned its partition meanwhile. The assignment saves work; safety never
//! rests on it.
//!
//! What cannot be applied is parked: written to the topic `parked`, durably, before the checkpoint passes it. It may be parked
//! twice (a crash between the two); its topic, partition and offset say that it is the same.
//!
//! * `partition` feeds one partition into one generation of the read model, `runner` starts and stops the feeds;
//! * [`search`] feeds the search index from the same log, independently of the timeline;
//! * [`rebuild`] builds a new generation beside the live one, compares the two, and switches;
//! * [`parked`] is the list of what could not be applied; [`operations`] is what an operator may do, [`http`] offers it.
//!
//! # How to add an event to the timeline
//!
//! 1. Add the rows it changes to `infra::read_model::Changes`, with a migration and a statement in both adapters, where no
//!    existing row fits.
//! 2. Add its arm to `timeline::project`: a pure function from the event to rows, each with the stream version that made it.
//! 3. Give it a case in the tests at the foot of `timeline.rs`; the contract suite replays everything twice.

mod followers;
pub mod http;
mod models;
pub mod operations;
pub mod parked;
mod partition;
mod reading;
pub mod reads;
pub mod rebuild;
mod runner;
pub mod search;
mod status;
pub mod timeline;

use std::time::Duration;

use infra::log::TopicPartition;
use infra::read_model::Checkpoint;
use infra::read_model::generations::LEASE;

use partition::Feed;
pub use rebuild::Refusal;
pub use runner::Projectors;
pub use status::{Progress, Status};

/// How the projectors work.
#[derive(Debug, Clone)]
pub struct Options {
    /// The group of nodes that share the partitions among them; seen in lag tools.
    pub group: String,
    /// The most records of one batch.
    pub batch_records_max: usize,
    /// The most bytes of one batch, as [`domain::wire::Record::size_bytes`] counts; a single larger record is a batch of its own.
    pub batch_bytes_max: usize,
    /// How long a task waits for the next record before it looks around. Says nothing about latency: a record that comes is
    /// applied at once.
    pub wait_max: Duration,
    /// The longest pause before something that failed is tried again. The first pause is [`BACKOFF_MIN`].
    pub backoff_max: Duration,
    /// How often lag is measured.
    pub lag_interval: Duration,
    /// How long a generation that was given up stays: longer than a reader goes on without hearing which one is live
    /// ([`LEASE`]).
    pub drop_after: Duration,
    /// Where progress is shown; keep a clone.
    pub status: Status,
}

/// The first pause after a failure; doubled with each further one, up to [`Options::backoff_max`].
pub const BACKOFF_MIN: Duration = Duration::from_millis(50);

impl Default for Options {
    fn default() -> Self {
        Self {
            group: "timeline".to_owned(),
            batch_records_max: 5_000,
            batch_bytes_max: 4 * 1024 * 1024,
            wait_max: Duration::from_secs(1),
            backoff_max: Duration::from_secs(2),
            lag_interval: Duration::from_secs(5),
            drop_after: LEASE + Duration::from_secs(2),
            status: Status::default(),
        }
    }
}

/// Why projecting failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The log.
    #[error(transparent)]
    Log(#[from] infra::log::Fault),
    /// The read model.
    #[error(transparent)]
    ReadModel(#[from] infra::read_model::Fault),
    /// The search index.
    #[error(transparent)]
    Search(#[from] infra::search::Fault),
    /// A new generation does not come to the checkpoint of the live one: the log holds something else than what that was made from.
    #[error("{partition} leads to {found:?}, where the live generation has {expected:?}: the log is another one than it was")]
    OtherHistory {
        /// Where.
        partition: TopicPartition,
        /// What reading the log led to.
        found: Checkpoint,
        /// What the live generation holds.
        expected: Checkpoint,
    },
}
