//! Follows `sagas.v1` and `users.v1`, and stores what sagas learn from them together with how far they were read.
//!
//! Any number of nodes may follow: of two that learn the same, one finds the checkpoint moved and reads it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use domain::saga::SagaId;
use infra::clock::Clock;
use infra::log::{self, Log, StoredRecord, Topic, TopicPartition};
use infra::random::jitter;
use infra::read_model::Checkpoint;
use infra::saga_state::{Fault, SagaState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::lesson::Lesson;
use crate::run::{Run, Unreadable};

/// The topics that sagas learn from.
const TOPICS: [Topic; 2] = [Topic::Sagas, Topic::Users];
/// Records that are asked for at once.
const RECORDS_MAX: usize = 500;
/// How long one question to the log waits.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// How many records without anything to learn may go by before the position is stored all the same.
const UNSTORED_RECORDS_MAX: u64 = 2_000;
/// The longest pause after a failure.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Follows.
pub struct Learner {
    /// Where it is kept.
    pub state: Arc<dyn SagaState>,
    /// Where it comes from.
    pub log: Arc<dyn Log>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Rung when there is something to do.
    pub learnt: Arc<Notify>,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error(transparent)]
    Log(#[from] log::Fault),
    #[error(transparent)]
    State(#[from] Fault),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Learner {
    /// Follows all partitions until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let partitions = TOPICS
            .into_iter()
            .flat_map(|topic| (0..self.log.partitions(topic).get()).map(move |partition| TopicPartition { topic, partition }));
        let following = futures_util::future::join_all(partitions.map(|of| self.partition(of)).collect::<Vec<_>>());
        tokio::select! {
            () = stop.cancelled() => {}
            _ = following => {}
        }
    }

    async fn partition(&self, of: TopicPartition) -> Infallible {
        let mut failing = false;
        loop {
            let Err(wrong) = self.follow(of, &mut failing).await;
            match wrong {
                // Another node was quicker.
                Wrong::State(Fault::CheckpointMoved(_)) => continue,
                Wrong::Log(log::Fault::Misconfigured(_)) | Wrong::Unreadable(_) => {
                    tracing::error!(partition = %of, %wrong, "sagas cannot follow the log; somebody must act");
                }
                wrong if !failing => tracing::warn!(partition = %of, %wrong, "sagas cannot follow the log; trying again"),
                _ => {}
            }
            failing = true;
            tokio::time::sleep(jitter(PAUSE_MAX)).await;
        }
    }

    async fn follow(&self, of: TopicPartition, failing: &mut bool) -> Result<Infallible, Wrong> {
        let mut stored = self.state.checkpoint(of).await?;
        let mut position = stored;
        let mut tail = self.log.tail(of, position.next_offset).await?;
        loop {
            let records = tail.next(RECORDS_MAX, QUESTION_WAIT).await?;
            let lessons: Vec<Lesson> = records.iter().filter_map(|record| lesson(of, &mut position, record)).collect();
            *failing = false;
            if !lessons.is_empty() || position.next_offset - stored.next_offset >= UNSTORED_RECORDS_MAX {
                self.learn(&lessons, of, stored, position).await?;
                stored = position;
            }
        }
    }

    /// Stores what the lessons change; again where somebody has changed one of the sagas meanwhile.
    async fn learn(&self, lessons: &[Lesson], of: TopicPartition, stored: Checkpoint, next: Checkpoint) -> Result<(), Wrong> {
        loop {
            let changed = self.taught(lessons).await?;
            match self.state.learn(&changed, of, stored, next).await {
                Err(Fault::SagaChanged(_)) => {}
                Err(fault) => return Err(fault.into()),
                Ok(()) => {
                    if !changed.is_empty() {
                        self.learnt.notify_one();
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn taught(&self, lessons: &[Lesson]) -> Result<Vec<infra::saga_state::Saga>, Wrong> {
        let now = self.clock.now();
        let mut runs: BTreeMap<SagaId, Option<Run>> = lessons.iter().map(|lesson| (lesson.saga, None)).collect();
        for saga in self.state.find(&runs.keys().copied().collect::<Vec<_>>()).await? {
            runs.insert(saga.id, Some(Run::read(saga)?));
        }
        let mut changed = BTreeSet::new();
        for lesson in lessons {
            if lesson.teach(runs.entry(lesson.saga).or_default(), now) {
                changed.insert(lesson.saga);
            }
        }
        Ok(runs.into_iter().filter(|(id, _)| changed.contains(id)).filter_map(|(_, run)| Some(run?.saga)).collect())
    }
}

/// What a record says to a saga. One that cannot be read is told to people; the others go on.
fn lesson(of: TopicPartition, position: &mut Checkpoint, stored: &StoredRecord) -> Option<Lesson> {
    position.next_offset = stored.offset + 1;
    let lesson = match of.topic {
        Topic::Users => Lesson::of_event(&mut position.cursor, &stored.record),
        _ => Lesson::of_message(&stored.record),
    };
    lesson.unwrap_or_else(|error| {
        metrics::counter!("sarangbang_sagas_unreadable_total").increment(1);
        tracing::error!(partition = %of, offset = stored.offset, %error, "a record for a saga cannot be read; it is left out");
        None
    })
}
