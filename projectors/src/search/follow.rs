//! Follows one partition into the index: tail, judge, decode, write, move the checkpoint, again.
//!
//! Invariant: the checkpoint passes a record only after its document is durable, or after the record was parked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use infra::clock::{Clock as _, SystemClock};
use infra::log::{Assignment, Log, StoredRecord, TopicPartition};
use infra::read_model::Checkpoint;
use infra::read_model::generations::Generation;
use infra::search::{self, Document, Search};
use metrics::{counter, gauge, histogram};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Options, SEARCH, project};
use crate::Fault;
use crate::parked::{Ahead, Model, Parking};
use crate::partition::Feed;
use crate::reading::{self, Content, Item, batches, event_partition, last_event_at, pause, rest};

/// What all partitions share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) log: Arc<dyn Log>,
    pub(super) search: Arc<dyn Search>,
    pub(super) assignment: Arc<dyn Assignment>,
    pub(super) parking: Parking,
}

/// The feed of a partition, for [`crate::Status`] and the records of parked events.
pub(super) const fn feed(partition: TopicPartition) -> Feed {
    Feed { generation: Generation::FIRST, partition }
}

/// Follows until `stop`; what fails is tried again, after a pause. A batch that was begun is finished.
pub(super) async fn follow(shared: Arc<Shared>, partition: TopicPartition, stop: CancellationToken) {
    let parked = Ahead::of(Model::Search, feed(partition));
    let mut follower = Follower { shared: &shared, partition, failures: 0, parked };
    while let Err(fault) = follower.run(&stop).await {
        follower.failures = follower.failures.saturating_add(1);
        follower.tell(&fault);
        if rest(&stop, pause(follower.failures, shared.options.backoff_max)).await.is_none() {
            return;
        }
    }
}

struct Follower<'a> {
    shared: &'a Shared,
    partition: TopicPartition,
    /// Failures since the last batch that was written.
    failures: u32,
    parked: Ahead,
}

impl Follower<'_> {
    /// Reads from the checkpoint on, until told to stop or something fails. What was read and not written is let go on a failure: it is
    /// read again.
    async fn run(&mut self, stop: &CancellationToken) -> Result<(), Fault> {
        let options = &self.shared.options;
        let mut at = self.shared.search.checkpoint(self.partition).await?;
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

    /// Writes one batch, and tells of it. A batch holds at least one record.
    async fn batch(&mut self, at: Checkpoint, records: Vec<StoredRecord>) -> Result<Checkpoint, Fault> {
        let began = Instant::now();
        let items = reading::understood(at, records, self.partition.topic, SEARCH);
        self.parked.park_undecodable(&self.shared.parking, &items).await?;
        // What would be taken away again is not written, as in a rebuild of years.
        let oldest = self.shared.options.retention.map(|retention| oldest(retention, SystemClock.now()));
        let (documents, origins) = documents(&items, oldest);
        if !documents.is_empty() {
            for refused in self.shared.search.write(&documents).await? {
                if let Some(item) = origins.get(refused.index) {
                    self.parked.park(&self.shared.parking, item, &refused.reason, "rejected").await?;
                }
            }
        }
        let next = items.last().map_or(at, |last| last.after);
        self.shared.search.advance(self.partition, at, next).await?;
        self.failures = 0;
        self.parked.passed(next.next_offset);
        self.show(next, last_event_at(&items));
        if let Some(partition) = event_partition(self.partition) {
            self.shared.assignment.commit(partition, next.next_offset);
        }
        histogram!("sarangbang_search_batch_seconds").record(began.elapsed());
        counter!("sarangbang_search_documents_total").increment(u64::try_from(documents.len()).unwrap_or(u64::MAX));
        Ok(next)
    }

    fn show(&self, at: Checkpoint, event_at: Option<Timestamp>) {
        self.shared.options.status.change_if_there(feed(self.partition), |progress| {
            progress.checkpoint = Some(at);
            progress.fault = None;
            progress.event_at = event_at.or(progress.event_at);
        });
    }

    fn tell(&self, fault: &Fault) {
        let partition = self.partition;
        if let Fault::Search(search::Fault::CheckpointMoved(_)) = fault {
            // Another node follows the same partition: normal for a moment after a change of the assignment.
            debug!(%partition, "another projector moved the search checkpoint; reading it again");
            return;
        }
        counter!("sarangbang_search_faults_total").increment(1);
        warn!(%partition, %fault, "indexing failed; it is tried again");
        self.shared.options.status.change_if_there(feed(partition), |progress| progress.fault = Some(fault.to_string()));
    }
}

/// The documents that `items` make, each of them once and as it is last, and the item that each comes from.
fn documents(items: &[Item], oldest: Option<Timestamp>) -> (Vec<Document>, Vec<&Item>) {
    let mut latest = BTreeMap::new();
    for item in items {
        let Content::Event(envelope) = &item.content else { continue };
        if let Some(document) = project(envelope).filter(|document| is_young(document, oldest)) {
            let key = match &document {
                Document::Message(message) => (message.room.to_string(), message.number),
                Document::Person(person) => (person.user.to_string(), 0),
            };
            latest.insert(key, (document, item));
        }
    }
    latest.into_values().unzip()
}

/// What is sent before this is too old.
pub(super) fn oldest(retention: Duration, now: Timestamp) -> Timestamp {
    now.saturating_add_millis(i64::try_from(retention.as_millis()).map_or(i64::MIN, |ms| -ms))
}

fn is_young(document: &Document, oldest: Option<Timestamp>) -> bool {
    match (document, oldest) {
        (Document::Message(message), Some(oldest)) => message.sent_at >= oldest,
        (Document::Message(_), None) | (Document::Person(_), _) => true,
    }
}

/// Shows how many records the index has not seen.
pub(super) fn show_lag(partition: TopicPartition, records: u64) {
    let labels = [("topic", partition.topic.base_name().to_owned()), ("partition", partition.partition.to_string())];
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; what is lost is beyond any use of it")]
    gauge!("sarangbang_search_lag_records", &labels).set(records as f64);
}
