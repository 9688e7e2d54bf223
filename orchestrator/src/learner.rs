//! Follows `sagas.v1` and `users.v1`, and stores what sagas learn from them together with how far they were read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use domain::saga::SagaId;
use infra::clock::Clock;
use infra::following::{self, Follower, Hindrance};
use infra::log::{Log, StoredRecord, Topic, TopicPartition};
use infra::read_model::Checkpoint;
use infra::saga_state::{Fault, Saga, SagaState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::lesson::Lesson;
use crate::run::Run;

/// The topics that sagas learn from.
const TOPICS: [Topic; 2] = [Topic::Sagas, Topic::Users];

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

impl Learner {
    /// Follows until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        following::follow(&self, &*self.log, &TOPICS, &stop).await;
    }

    async fn taught(&self, lessons: &[Lesson]) -> Result<Vec<Saga>, Hindrance> {
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

#[async_trait]
impl Follower for Learner {
    type Lesson = Lesson;

    const WHO: &'static str = "sagas";

    async fn checkpoint(&self, of: TopicPartition) -> Result<Checkpoint, Hindrance> {
        Ok(self.state.checkpoint(of).await?)
    }

    /// One that cannot be read is told to people; the others go on.
    fn lesson(&self, of: TopicPartition, position: &mut Checkpoint, stored: &StoredRecord) -> Option<Lesson> {
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

    /// Again where somebody has changed one of the sagas meanwhile.
    async fn learn(&self, lessons: &[Lesson], of: TopicPartition, stored: Checkpoint, next: Checkpoint) -> Result<(), Hindrance> {
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
}
