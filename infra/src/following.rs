//! Follows topics of the log for a service that keeps what it learns in a database: what a batch says is stored in one transaction with
//! the position behind it, so that any number of nodes may follow. Of two that learn the same, one finds the position moved and reads
//! it anew.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::log::{Fault, Log, StoredRecord, Topic, TopicPartition};
use crate::random::jitter;
use crate::read_model::Checkpoint;

/// Records that are asked for at once.
const RECORDS_MAX: usize = 500;
/// How long one question to the log waits.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// How many records without anything to learn may go by before the position is stored all the same.
const UNSTORED_RECORDS_MAX: u64 = 2_000;
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// What keeps a follower from going on.
#[derive(Debug)]
pub enum Hindrance {
    /// Another node was quicker: the position is to be read anew.
    Moved,
    /// It passes by itself.
    Passing(String),
    /// Somebody must act.
    Lasting(String),
}

impl From<Fault> for Hindrance {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Misconfigured(_) => Self::Lasting(fault.to_string()),
            passing => Self::Passing(passing.to_string()),
        }
    }
}

/// Who learns from the log.
#[async_trait]
pub trait Follower: Send + Sync {
    /// What there is to learn from a record.
    type Lesson: Send + Sync;

    /// Whom it is learnt for, in the lines of the log: "accounts".
    const WHO: &'static str;

    /// Where reading goes on.
    async fn checkpoint(&self, of: TopicPartition) -> Result<Checkpoint, Hindrance>;

    /// What a record says, if it is of any concern. `position` stands behind the record already; its cursor is for topics of events.
    fn lesson(&self, of: TopicPartition, position: &mut Checkpoint, record: &StoredRecord) -> Option<Self::Lesson>;

    /// Stores what the lessons change, and moves the checkpoint from `stored` to `next`, together.
    async fn learn(
        &self,
        lessons: &[Self::Lesson],
        of: TopicPartition,
        stored: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Hindrance>;
}

/// Follows all partitions of `topics` until `stop`.
pub async fn follow<F: Follower>(follower: &F, log: &dyn Log, topics: &[Topic], stop: &CancellationToken) {
    let partitions = topics
        .iter()
        .flat_map(|&topic| (0..log.partitions(topic).get()).map(move |partition| TopicPartition { topic, partition }));
    let following = futures_util::future::join_all(partitions.map(|of| follow_partition(follower, log, of)).collect::<Vec<_>>());
    tokio::select! {
        () = stop.cancelled() => {}
        _ = following => {}
    }
}

async fn follow_partition<F: Follower>(follower: &F, log: &dyn Log, of: TopicPartition) -> Infallible {
    let mut failing = false;
    loop {
        let Err(hindrance) = go_on(follower, log, of, &mut failing).await;
        match hindrance {
            Hindrance::Moved => continue,
            Hindrance::Lasting(why) => {
                tracing::error!(partition = %of, why, "{} cannot follow the log; somebody must act", F::WHO)
            }
            Hindrance::Passing(why) if !failing => {
                tracing::warn!(partition = %of, why, "{} cannot follow the log; trying again", F::WHO);
            }
            Hindrance::Passing(_) => {}
        }
        failing = true;
        tokio::time::sleep(jitter(PAUSE_MAX)).await;
    }
}

async fn go_on<F: Follower>(
    follower: &F,
    log: &dyn Log,
    of: TopicPartition,
    failing: &mut bool,
) -> Result<Infallible, Hindrance> {
    let mut stored = follower.checkpoint(of).await?;
    let mut position = stored;
    let mut tail = log.tail(of, position.next_offset).await?;
    loop {
        let mut lessons = Vec::new();
        for record in tail.next(RECORDS_MAX, QUESTION_WAIT).await? {
            position.next_offset = record.offset + 1;
            lessons.extend(follower.lesson(of, &mut position, &record));
        }
        *failing = false;
        if !lessons.is_empty() || position.next_offset - stored.next_offset >= UNSTORED_RECORDS_MAX {
            follower.learn(&lessons, of, stored, position).await?;
            stored = position;
        }
    }
}
