//! The log: topics of partitions of records. A port with two adapters, `kafka` and `embedded`, and one contract suite
//! (`infra/tests/it/log_contract.rs`) that both pass.
//!
//! What the port promises:
//! * records that one producer session appends to a partition are stored in the order of the calls, or not at all;
//! * an append that is confirmed is durable, and is found by every later tail;
//! * an append that fails may still have happened, unless the fault says that it was never sent;
//! * a tail yields records in offset order, never beyond the high watermark; offsets rise, but may have holes.

pub mod embedded;
pub mod kafka;
mod names;
mod report;
pub mod testing;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use domain::wire::Record;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

pub use self::report::{Report, Reported, Reports};

/// The position of a record in its partition.
pub type Offset = u64;

/// The most bytes that a record may have, as [`Record::size_bytes`] counts, in every adapter: near Kafka's default of 1 MiB a
/// batch, with room for what Kafka adds.
pub const RECORD_BYTES_MAX: usize = 1_000_000;

/// The topics of the system (`shared/api.md`). The configured prefix stands before each name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Topic {
    /// Events of users and relations, for ever.
    Users,
    /// Events of rooms and messages, for ever.
    Rooms,
    /// Who owns which partition: a hint. Compacted.
    Owners,
    /// Read positions by room and person. Compacted.
    Reads,
    /// Ended sessions and deactivated people. Compacted.
    Revoked,
    /// What sagas tell and ask.
    Sagas,
    /// Events that could not be applied.
    Parked,
    /// Typing and presence; kept for one minute.
    Presence,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Users, Self::Rooms, Self::Owners, Self::Reads, Self::Revoked, Self::Sagas, Self::Parked, Self::Presence];

    /// The name without the prefix.
    #[must_use]
    pub const fn base_name(self) -> &'static str {
        match self {
            Self::Users => "users.v1",
            Self::Rooms => "rooms.v1",
            Self::Owners => "owners.v1",
            Self::Reads => "reads.v1",
            Self::Revoked => "revoked.v1",
            Self::Sagas => "sagas.v1",
            Self::Parked => "parked.v1",
            Self::Presence => "presence.v1",
        }
    }

    /// Whether only the latest value of each key is kept.
    #[must_use]
    pub const fn compacted(self) -> bool {
        matches!(self, Self::Owners | Self::Reads | Self::Revoked)
    }
}

impl From<EventTopic> for Topic {
    fn from(topic: EventTopic) -> Self {
        match topic {
            EventTopic::Users => Self::Users,
            EventTopic::Rooms => Self::Rooms,
        }
    }
}

/// One partition of any topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic.
    pub topic: Topic,
    /// The partition's number, from 0.
    pub partition: u32,
}

impl From<PartitionId> for TopicPartition {
    fn from(id: PartitionId) -> Self {
        Self { topic: id.topic.into(), partition: id.number }
    }
}
impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic.base_name(), self.partition)
    }
}

/// A record with its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it stands.
    pub offset: Offset,
    /// When the log took it, in milliseconds since 1970, where the log says so.
    pub appended_at_ms: Option<i64>,
    /// What it is.
    pub record: Record,
}

/// What went wrong with the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The queue towards the log is full; nothing was sent.
    #[error("the queue to the log is full")]
    QueueFull,
    /// The record is larger than the log takes; nothing was sent.
    #[error("a record of {bytes} bytes is larger than the log's limit of {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The append was not confirmed: it may or may not have happened.
    #[error("the append was not confirmed: {0}")]
    Unconfirmed(String),
    /// The log cannot be reached, or the session is over. Trying again with a new session may help.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// The log is not as it should be: a topic is missing or has wrong settings, a file is damaged. Somebody must act.
    #[error("the log is not as it should be: {0}")]
    Misconfigured(String),
}

/// Resolves once the append is durable; to its offset where the log says it. No offset proves nothing but durability.
pub type Appending = BoxFuture<'static, Reported>;

/// A producer session. Dropping it ends the session; records handed over but not confirmed may still be stored.
pub trait Producer: Send + Sync + 'static {
    /// Hands `record` over without waiting, and has `report` told what became of it. Calls to one partition are stored in the order of
    /// the calls.
    ///
    /// An offset in a report is where the record stands, unless a negative or missing one was counted on from: whoever relies on it must
    /// know that everything before it was accounted for.
    ///
    /// # Errors
    /// [`Fault::QueueFull`], [`Fault::TooLarge`]: nothing was sent. Any other fault, here or in the report: unknown. Where there is an
    /// error here, `report` stays silent.
    fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault>;

    /// [`Self::send`], for somebody who waits for this record alone.
    ///
    /// # Errors
    /// Those of [`Self::send`].
    fn append(&self, to: TopicPartition, record: Record) -> Result<Appending, Fault> {
        let (report, reported) = Report::once();
        self.send(to, record, report)?;
        Ok(reported.boxed())
    }
}

/// Reads one partition onwards.
#[async_trait]
pub trait Tail: Send {
    /// The next records, at most `records_max`, waiting at most `wait_max` for the first; empty when none came in time.
    ///
    /// Cancelling the future loses no record.
    ///
    /// # Errors
    /// Any [`Fault`]; the tail may be asked again.
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault>;

    /// Whether, in a compacted topic, every record has been handed out that stood there when the tail was made. Offsets do not say it:
    /// the last of them may hold nothing. In a topic that keeps everything they do ([`Log::end`]), and an adapter may leave this `false`.
    fn has_ended(&self) -> bool;

    /// The caller knows what stands before `offset`: goes on there. Never goes back.
    fn skip_to(&mut self, offset: Offset);
}

/// Which partitions a node should work on: a hint, never a permission.
#[async_trait]
pub trait Assignment: Send + Sync {
    /// The current hint, and each change of it.
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>>;

    /// Tells the log how far a partition was processed (the offset of the next record to read), for the lag tools that people
    /// know. Best effort: the truth is in the read model's own checkpoint.
    fn commit(&self, partition: PartitionId, next_offset: Offset);

    /// Leaves the group, so that others take over at once. Bounded to a few seconds.
    async fn leave(&self);
}

/// The log.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// `kafka` or `embedded`, for people.
    fn kind(&self) -> &'static str;

    /// A name that changes when the log's content is another one (cluster id and topic ids, or the folder's own id): what a
    /// local cache of folded state is tied to.
    fn identity(&self) -> String;

    /// The most bytes a record may have, as [`Record::size_bytes`] counts.
    fn record_bytes_max(&self) -> usize;

    /// How many partitions `topic` has: fixed for its life.
    fn partitions(&self, topic: Topic) -> NonZeroU32;

    /// Starts a producer session.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    fn producer(&self) -> Result<Arc<dyn Producer>, Fault>;

    /// The offset that the next record will get at least: the high watermark.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault>;

    /// Reads a partition from `from` on; from its first record where `from` is before it.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]; [`Fault::Misconfigured`] when `from` is beyond the end.
    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault>;

    /// Resolves when nothing can be written any more until the log is opened anew, to the reason. Never where that cannot be.
    async fn failed(&self) -> Fault {
        std::future::pending().await
    }

    /// Joins the group `group` of nodes that share the event topics' partitions among them.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn assignment(&self, group: &str) -> Result<Box<dyn Assignment>, Fault>;
}

/// The partition of `topic` that `key` belongs to.
#[must_use]
pub fn partition_for(log: &dyn Log, topic: Topic, key: &str) -> TopicPartition {
    TopicPartition { topic, partition: domain::partitioning::partition_of(key, log.partitions(topic)) }
}
