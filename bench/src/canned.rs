//! A log in memory that is read once: what a projector reads when reading shall cost nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use infra::log::{Assignment, Fault, Log, Offset, Producer, RECORD_BYTES_MAX, StoredRecord, Tail, Topic, TopicPartition};
use tokio::sync::watch;

/// The partitions of rooms, each with its records.
pub type Records = BTreeMap<u32, Vec<StoredRecord>>;

/// The log.
pub struct Canned {
    partitions: NonZeroU32,
    ends: BTreeMap<u32, Offset>,
    records: Mutex<Records>,
}

impl Canned {
    /// A log of these records of rooms; its other topics are empty.
    pub fn of(partitions: NonZeroU32, records: Records) -> Arc<Self> {
        let end = |records: &Vec<StoredRecord>| records.last().map_or(0, |last| last.offset + 1);
        let ends = records.iter().map(|(partition, records)| (*partition, end(records))).collect();
        Arc::new(Self { partitions, ends, records: Mutex::new(records) })
    }

    fn end_of(&self, of: TopicPartition) -> Offset {
        if of.topic == Topic::Rooms { self.ends.get(&of.partition).copied().unwrap_or_default() } else { 0 }
    }
}

/// What stands in the partitions of rooms of `log`, as many as there are.
///
/// # Errors
/// Those of the log.
pub async fn records(log: &dyn Log) -> Result<(NonZeroU32, Records)> {
    let partitions = log.partitions(Topic::Rooms);
    let mut all = Records::new();
    for partition in 0..partitions.get() {
        let of = TopicPartition { topic: Topic::Rooms, partition };
        let end = log.end(of).await?;
        let mut tail = log.tail(of, 0).await?;
        let records = all.entry(partition).or_default();
        while records.last().map_or(0, |last| last.offset + 1) < end {
            records.extend(tail.next(10_000, Duration::from_secs(1)).await?);
        }
    }
    Ok((partitions, all))
}

#[async_trait]
impl Log for Canned {
    fn kind(&self) -> &'static str {
        "canned"
    }

    fn identity(&self) -> String {
        "canned".to_owned()
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        if topic == Topic::Rooms { self.partitions } else { NonZeroU32::MIN }
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, Fault> {
        Err(Fault::Unavailable("nothing is written to a canned log".to_owned()))
    }

    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        Ok(self.end_of(of))
    }

    async fn tail(&self, of: TopicPartition, _from: Offset) -> Result<Box<dyn Tail>, Fault> {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = if of.topic == Topic::Rooms { records.remove(&of.partition) } else { None };
        Ok(Box::new(Once(taken.unwrap_or_default().into_iter())))
    }

    async fn assignment(&self, _group: &str) -> Result<Box<dyn Assignment>, Fault> {
        let rooms = (0..self.partitions.get()).map(|number| PartitionId { topic: EventTopic::Rooms, number });
        Ok(Box::new(Assigned(watch::Sender::new(rooms.collect()))))
    }
}

struct Once(std::vec::IntoIter<StoredRecord>);

#[async_trait]
impl Tail for Once {
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
        let records: Vec<_> = self.0.by_ref().take(records_max).collect();
        if records.is_empty() {
            tokio::time::sleep(wait_max).await;
        }
        Ok(records)
    }

    fn has_ended(&self) -> bool {
        self.0.len() == 0
    }

    fn skip_to(&mut self, offset: Offset) {
        let records = std::mem::take(&mut self.0);
        self.0 = records.filter(|stored| stored.offset >= offset).collect::<Vec<_>>().into_iter();
    }
}

struct Assigned(watch::Sender<BTreeSet<PartitionId>>);

#[async_trait]
impl Assignment for Assigned {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.0.subscribe()
    }

    fn commit(&self, _partition: PartitionId, _next_offset: Offset) {}

    async fn leave(&self) {}
}
