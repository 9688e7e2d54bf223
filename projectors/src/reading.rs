//! What every projector does with records before they become rows or documents: judges, decodes and cuts them into batches.

use std::time::Duration;

use domain::ids::{EventTopic, PartitionId};
use domain::wire::Entry;
use domain::{Envelope, Verdict};
use infra::log::{StoredRecord, Topic, TopicPartition};
use infra::read_model::Checkpoint;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use crate::BACKOFF_MIN;
use crate::reads::ReadPosition;

/// A record, judged and understood, with the checkpoint behind it.
pub(crate) struct Item {
    pub(crate) stored: StoredRecord,
    pub(crate) after: Checkpoint,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    /// A claim, a barrier, or a record that does not count.
    Nothing,
    Event(Box<Envelope>),
    Read(ReadPosition),
    /// Effective, and not to be understood.
    Undecodable(String),
}

/// Judges and decodes the records of `topic` that follow `at`, for the reader of this name.
pub(crate) fn understood(at: Checkpoint, records: Vec<StoredRecord>, topic: Topic, reader: &'static str) -> Vec<Item> {
    let mut after = at;
    let mut understood = |stored: StoredRecord| {
        after.next_offset = stored.offset.saturating_add(1);
        let content = match topic {
            Topic::Users => event(&mut after, &stored, EventTopic::Users, reader),
            Topic::Rooms => event(&mut after, &stored, EventTopic::Rooms, reader),
            _ => ReadPosition::decode(&stored.record).map_or_else(
                || {
                    ignored(reader, "malformed");
                    Content::Nothing
                },
                Content::Read,
            ),
        };
        Item { stored, after, content }
    };
    records.into_iter().map(&mut understood).collect()
}

/// Judges a record of an event topic, and decodes it if it counts.
fn event(after: &mut Checkpoint, stored: &StoredRecord, topic: EventTopic, reader: &'static str) -> Content {
    match after.cursor.accept(stored.record.mark()) {
        Verdict::Claimed => Content::Nothing,
        Verdict::Ignored(reason) => {
            ignored(reader, reason.label());
            Content::Nothing
        }
        Verdict::Effective => match stored.record.decode(topic) {
            Ok(Entry::Event(envelope)) => Content::Event(Box::new(envelope)),
            Ok(Entry::Barrier | Entry::Claim { .. }) => Content::Nothing,
            Err(error) => Content::Undecodable(error.to_string()),
        },
    }
}

fn ignored(reader: &'static str, reason: &'static str) {
    counter!("sarangbang_records_ignored_total", "reader" => reader, "reason" => reason).increment(1);
}

/// The time of the last event among `items`.
pub(crate) fn last_event_at(items: &[Item]) -> Option<domain::Timestamp> {
    items.iter().rev().find_map(|item| match &item.content {
        Content::Event(envelope) => Some(envelope.metadata.time),
        _ => None,
    })
}

/// Cuts records into batches of at most `bytes_max` bytes, but at least one record.
pub(crate) fn batches(records: Vec<StoredRecord>, bytes_max: usize) -> Vec<Vec<StoredRecord>> {
    let mut batches: Vec<Vec<StoredRecord>> = Vec::new();
    let mut bytes = 0_usize;
    for record in records {
        let size = record.record.size_bytes();
        match batches.last_mut() {
            Some(batch) if bytes.saturating_add(size) <= bytes_max => {
                bytes += size;
                batch.push(record);
            }
            _ => {
                bytes = size;
                batches.push(vec![record]);
            }
        }
    }
    batches
}

/// The partition of an event topic, as the assignment names it.
pub(crate) fn event_partition(partition: TopicPartition) -> Option<PartitionId> {
    let topic = EventTopic::ALL.into_iter().find(|topic| Topic::from(*topic) == partition.topic)?;
    Some(PartitionId { topic, number: partition.partition })
}

/// How long to wait after so many failures.
pub(crate) fn pause(failures: u32, backoff_max: Duration) -> Duration {
    let longest = BACKOFF_MIN.saturating_mul(1 << failures.min(16)).min(backoff_max);
    BACKOFF_MIN.min(longest) + infra::random::jitter(longest)
}

/// Waits for `pause`; nothing when it was stopped meanwhile.
pub(crate) async fn rest(stop: &CancellationToken, pause: Duration) -> Option<()> {
    tokio::time::timeout(pause, stop.cancelled()).await.err().map(drop)
}

#[cfg(test)]
mod tests {
    use domain::wire::Record;
    use infra::log::Offset;

    use super::*;

    #[test]
    fn batches_are_bounded_in_bytes_and_hold_a_record_at_least() {
        let record = |(offset, bytes): (Offset, usize)| StoredRecord {
            offset,
            appended_at_ms: None,
            record: Record { value: vec![0; bytes], ..Record::default() },
        };
        let records = (0..).zip([40, 60, 1, 500, 100, 99, 1, 0]).map(record).collect();
        let cut: Vec<Vec<Offset>> =
            batches(records, 100).iter().map(|batch| batch.iter().map(|stored| stored.offset).collect()).collect();
        assert_eq!(cut, [vec![0, 1], vec![2], vec![3], vec![4], vec![5, 6, 7]]);
        assert_eq!(batches(Vec::new(), 100).len(), 0);
    }
}
