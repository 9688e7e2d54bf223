//! How far the read model has come: what lets a query, or a subscription, wait until it has seen an event.
//!
//! One task asks the read model for its checkpoints, and only while somebody waits; all waiters share its answer. Who asks for
//! something that was reached before is answered from the last answer, without a question.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Sequence;
use domain::ids::EventTopic;
use infra::log::{Topic, TopicPartition};
use infra::read_model::{Checkpoint, Fault, Timeline};
use infra::search::Search;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// How long a query waits for the read model.
pub const WAIT_MAX: Duration = Duration::from_secs(2);
/// How soon the read model is asked again while it moves.
const POLL_MIN: Duration = Duration::from_millis(10);
/// How late, while it stands still or fails.
const POLL_MAX: Duration = Duration::from_millis(100);
/// The most queries and subscriptions that may wait at once; one more is told at once that the read model is behind.
const WAITERS_MAX: usize = 10_000;

/// The read model is not there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the read model has not come that far yet")]
pub struct Behind;

/// The last effective sequence that the read model holds, by partition.
type Reached = BTreeMap<TopicPartition, Sequence>;

/// Something that projectors feed, and that says how far they have come.
#[async_trait]
pub trait Fed: Send + Sync + 'static {
    /// All checkpoints.
    ///
    /// # Errors
    /// [`Fault`].
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault>;
}

#[async_trait]
impl Fed for Arc<dyn Timeline> {
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        Timeline::checkpoints(&**self).await
    }
}

#[async_trait]
impl Fed for Arc<dyn Search> {
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        Search::checkpoints(&**self).await.map_err(|fault| Fault::Unavailable(fault.to_string()))
    }
}

/// Waits for the read model.
#[derive(Clone)]
pub struct Progress(Arc<Inner>);

struct Inner {
    reached: watch::Sender<Reached>,
    waiting: AtomicUsize,
    somebody_waits: Notify,
}

impl Progress {
    /// A progress, and the task that keeps it: to be spawned, ends with `cancel`.
    pub fn new(fed: impl Fed, cancel: CancellationToken) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let inner = Arc::new(Inner {
            reached: watch::Sender::new(Reached::new()),
            waiting: AtomicUsize::new(0),
            somebody_waits: Notify::new(),
        });
        let polling = inner.clone();
        let task = async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = polling.poll(fed) => {}
            }
        };
        (Self(inner), task)
    }

    /// Returns once the read model holds everything of the partition up to `sequence`, at `deadline` at the latest.
    ///
    /// # Errors
    /// [`Behind`] when it does not by then, or when too many wait already.
    pub async fn reached(&self, topic: EventTopic, partition: u32, sequence: Sequence, deadline: Instant) -> Result<(), Behind> {
        let partition = TopicPartition { topic: Topic::from(topic), partition };
        let there = |reached: &Reached| reached.get(&partition).is_some_and(|at| *at >= sequence);
        if sequence == 0 || there(&self.0.reached.borrow()) {
            return Ok(());
        }
        let mut changes = self.0.reached.subscribe();
        let _waiting = self.0.wait().ok_or(Behind)?;
        match timeout_at(deadline, changes.wait_for(there)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(Behind),
        }
    }
}

impl Inner {
    fn wait(&self) -> Option<Waiting<'_>> {
        let waiting = Waiting(self);
        // Counted before it is compared, so that the guard's end always takes back what its beginning added.
        (self.waiting.fetch_add(1, Ordering::SeqCst) < WAITERS_MAX).then(|| self.somebody_waits.notify_one())?;
        Some(waiting)
    }

    async fn poll(&self, fed: impl Fed) {
        loop {
            // A stored permit makes this return at once when somebody came between the last look and now.
            self.somebody_waits.notified().await;
            let mut pause = POLL_MIN;
            let mut failing = false;
            while self.waiting.load(Ordering::SeqCst) > 0 {
                match fed.checkpoints().await {
                    Ok(checkpoints) => {
                        failing = false;
                        let reached: Reached = checkpoints.into_iter().map(|(at, c)| (at, c.cursor.sequence)).collect();
                        let moved = self.reached.send_if_modified(|known| replace(known, reached));
                        pause = if moved { POLL_MIN } else { (pause * 2).min(POLL_MAX) };
                    }
                    Err(fault) => {
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(%fault, "cannot ask the read model how far it is; queries that wait will be told so");
                        }
                        pause = POLL_MAX;
                    }
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    // A newcomer waits for something new: look soon again.
                    () = self.somebody_waits.notified() => { sleep(POLL_MIN).await; pause = POLL_MIN; }
                }
            }
        }
    }
}

/// Somebody who waits, for as long as this lives.
struct Waiting<'a>(&'a Inner);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

fn replace(known: &mut Reached, new: Reached) -> bool {
    let changed = *known != new;
    *known = new;
    changed
}
