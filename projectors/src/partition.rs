//! Follows one partition into one generation of the read model: tail, judge, decode, apply, again.
//!
//! Invariant: what is applied is exactly the effective history, in order, and the checkpoint passes a record only in the
//! transaction of its rows, or after the record was parked.

use std::sync::Arc;

use infra::log::{Assignment, Log, StoredRecord, TopicPartition};
use infra::read_model::generations::{ControlWatch, Generation};
use infra::read_model::{self, Changes, Checkpoint, Timeline};
use metrics::{counter, gauge, histogram};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::models::Models;
use crate::parked::{Ahead, Model, Parking};
use crate::reading::{self, Content, Item, batches, event_partition, last_event_at, pause, rest};
use crate::{Fault, Options, reads, timeline};

/// How often the log may stay silent, each time for [`Options::wait_max`], where a record must be, before it counts as a fault.
const SILENCES_MAX: u32 = 30;

/// What all partitions share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) models: Models,
    pub(crate) control: ControlWatch,
    pub(crate) assignment: Arc<dyn Assignment>,
    pub(crate) parking: Parking,
}

/// Where a partition's records go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Feed {
    /// Into which generation.
    pub(crate) generation: Generation,
    /// From where.
    pub(crate) partition: TopicPartition,
}

/// Feeds until `stop`; what fails is tried again, after a pause. A batch that was begun is finished.
pub(crate) async fn follow(shared: Arc<Shared>, feed: Feed, stop: CancellationToken) {
    let mut failures = 0;
    loop {
        let mut follower = match Follower::open(&shared, feed, failures).await {
            Ok(follower) => follower,
            Err(fault) => {
                failures = failures.saturating_add(1);
                tell(&shared, feed, &fault);
                match rest(&stop, pause(failures, shared.options.backoff_max)).await {
                    Some(()) => continue,
                    None => return,
                }
            }
        };
        while let Err(fault) = follower.run(&stop).await {
            follower.failures = follower.failures.saturating_add(1);
            tell(&shared, feed, &fault);
            if rest(&stop, pause(follower.failures, shared.options.backoff_max)).await.is_none() {
                return;
            }
        }
        return;
    }
}

/// Brings a generation to exactly `target` in one partition; says whether it is there: it is not when it was beyond already.
///
/// # Errors
/// [`Fault`]; also where the log holds another history than `target` was made from.
pub(crate) async fn advance(shared: &Shared, feed: Feed, target: Checkpoint) -> Result<bool, Fault> {
    Follower::open(shared, feed, 0).await?.advance(target).await
}

struct Follower<'a> {
    shared: &'a Shared,
    feed: Feed,
    partition: TopicPartition,
    timeline: Arc<dyn Timeline>,
    /// Failures since the last batch that was applied.
    failures: u32,
    parked: Ahead,
}

impl<'a> Follower<'a> {
    async fn open(shared: &'a Shared, feed: Feed, failures: u32) -> Result<Self, Fault> {
        let timeline = shared.models.get(feed.generation).await?;
        Ok(Self { shared, feed, partition: feed.partition, timeline, failures, parked: Ahead::of(Model::Timeline, feed) })
    }

    /// Reads from the checkpoint on, until told to stop or something fails.
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), Fault> {
        let options = &self.shared.options;
        let mut at = self.timeline.checkpoint(self.partition).await?;
        let mut tail = self.shared.log.tail(self.partition, at.next_offset).await?;
        self.show(at, None);
        loop {
            let records = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                records = tail.next(options.batch_records_max, options.wait_max) => records?,
            };
            for batch in batches(records, options.batch_bytes_max) {
                at = self.batch(at, batch).await?;
                if stop.is_cancelled() {
                    return Ok(());
                }
            }
        }
    }

    async fn advance(&mut self, target: Checkpoint) -> Result<bool, Fault> {
        let options = &self.shared.options;
        let mut at = self.timeline.checkpoint(self.partition).await?;
        if at.next_offset >= target.next_offset {
            return self.judged(at, target);
        }
        let mut tail = self.shared.log.tail(self.partition, at.next_offset).await?;
        let (mut silences, mut passed) = (0, false);
        while at.next_offset < target.next_offset && silences < SILENCES_MAX && !passed {
            let mut records = tail.next(options.batch_records_max, options.wait_max).await?;
            silences = if records.is_empty() { silences + 1 } else { 0 };
            let read = records.len();
            records.retain(|stored| stored.offset < target.next_offset);
            passed = records.len() < read;
            for batch in batches(records, options.batch_bytes_max) {
                at = self.batch(at, batch).await?;
            }
        }
        if at.next_offset < target.next_offset && passed && self.partition.topic.compacted() {
            // What stood between is superseded, and is read with what superseded it.
            self.timeline.apply(&Changes::default(), self.partition, at, target).await?;
            at = target;
        }
        self.judged(at, target)
    }

    /// Whether `at` is `target`, and not beyond it.
    fn judged(&self, at: Checkpoint, target: Checkpoint) -> Result<bool, Fault> {
        if at.next_offset <= target.next_offset && at != target {
            return Err(Fault::OtherHistory { partition: self.partition, found: at, expected: target });
        }
        Ok(at == target)
    }

    /// Applies one batch, and tells of it. A batch holds at least one record.
    async fn batch(&mut self, at: Checkpoint, records: Vec<StoredRecord>) -> Result<Checkpoint, Fault> {
        let began = Instant::now();
        let count = records.len();
        let items = self.understood(at, records);
        self.parked.park_undecodable(&self.shared.parking, &items).await?;
        let at = self.apply(at, &items).await?;
        self.failures = 0;
        self.parked.passed(at.next_offset);
        self.show(at, last_event_at(&items));
        // Lag tools show what people wait for: the live generation.
        if let Some(partition) = event_partition(self.partition).filter(|_| self.live()) {
            self.shared.assignment.commit(partition, at.next_offset);
        }
        histogram!("sarangbang_projector_batch_seconds").record(began.elapsed());
        counter!("sarangbang_projector_records_total", "topic" => self.partition.topic.base_name())
            .increment(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(at)
    }

    fn live(&self) -> bool {
        self.shared.options.status.is_live(self.feed.generation)
    }

    /// Judges and decodes the records that follow `at`.
    fn understood(&self, at: Checkpoint, records: Vec<StoredRecord>) -> Vec<Item> {
        // Told apart, because a rebuild meets everything again that was ever ignored.
        let reader = if self.live() { "timeline" } else { "rebuild" };
        reading::understood(at, records, self.partition.topic, reader)
    }

    /// Writes the rows of `items`. Where the database refuses them, halves them until the culprit stands alone, and parks it.
    async fn apply(&mut self, mut at: Checkpoint, items: &[Item]) -> Result<Checkpoint, Fault> {
        let timeline = Arc::clone(&self.timeline);
        let mut waiting = vec![items];
        while let Some(part) = waiting.pop() {
            let Some(last) = part.last() else { continue };
            match timeline.apply(&changes(part), self.partition, at, last.after).await {
                Ok(()) => at = last.after,
                Err(read_model::Fault::Rejected(error)) if part.len() == 1 => {
                    self.parked.park(&self.shared.parking, last, &error, "rejected").await?;
                    timeline.apply(&Changes::default(), self.partition, at, last.after).await?;
                    at = last.after;
                }
                Err(read_model::Fault::Rejected(_)) => {
                    let (former, latter) = part.split_at(part.len() / 2);
                    waiting.extend([latter, former]);
                }
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(at)
    }

    fn show(&self, at: Checkpoint, event_at: Option<domain::Timestamp>) {
        if self.live() {
            let topic = self.partition.topic.base_name().to_owned();
            let labels = [("topic", topic), ("partition", self.partition.partition.to_string())];
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; offsets up to 2^53 are exact")]
            gauge!("sarangbang_projector_checkpoint_offset", &labels).set(at.next_offset as f64);
        }
        self.shared.options.status.change_if_there(self.feed, |progress| {
            progress.checkpoint = Some(at);
            progress.fault = None;
            progress.event_at = event_at.or(progress.event_at);
        });
    }
}

fn tell(shared: &Shared, feed: Feed, fault: &Fault) {
    let Feed { generation, partition } = feed;
    if let Fault::ReadModel(read_model::Fault::CheckpointMoved(_)) = fault {
        // Another node follows the same partition: normal for a moment after a change of the assignment.
        counter!("sarangbang_projector_checkpoints_moved_total").increment(1);
        debug!(%partition, %generation, "another projector moved the checkpoint; reading it again");
    } else {
        counter!("sarangbang_projector_faults_total").increment(1);
        warn!(%partition, %generation, %fault, "projecting failed; it is tried again");
        shared.options.status.change_if_there(feed, |progress| progress.fault = Some(fault.to_string()));
    }
}

fn changes(items: &[Item]) -> Changes {
    let mut changes = Changes::default();
    for item in items {
        match &item.content {
            Content::Event(envelope) => timeline::project(envelope, &mut changes),
            Content::Read(position) => reads::project(position, &mut changes),
            Content::Nothing | Content::Undecodable(_) => {}
        }
    }
    changes
}
