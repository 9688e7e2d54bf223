//! What does not stay for ever: superseded records of compacted topics, and presence older than a minute.

use std::collections::HashMap;

use fjall::OwnedWriteBatch;

use super::codec;
use super::folder::Folder;
use super::writer::Numbered;
use crate::clock::Clock;
use crate::log::{Offset, Topic, TopicPartition};

/// How long a record of the topic `presence` is kept, in milliseconds.
const PRESENCE_KEPT_MS: i64 = 60_000;
/// The most records that expire with one batch, so that a batch stays short; the rest expires with the next ones.
const EXPIRED_PER_BATCH_MAX: usize = 1_024;

/// The one partition of the topic `presence`.
const PRESENCE: TopicPartition = TopicPartition { topic: Topic::Presence, partition: 0 };

/// The writer's memory of what expires next.
pub struct Retention {
    /// The first record of presence that is still there. Kept, because a scan from 0 would walk over all that was deleted.
    presence_first: Offset,
    /// When that record was appended; nothing when there is none, or the next is not known.
    presence_first_at_ms: Option<i64>,
}

impl Retention {
    /// Drops what expired while the folder was closed.
    pub fn new(folder: &Folder, clock: &dyn Clock) -> fjall::Result<Self> {
        let mut retention = Self { presence_first: 0, presence_first_at_ms: None };
        let now_ms = clock.now().as_millis();
        loop {
            let mut batch = folder.database.batch();
            retention.expire(folder, &mut batch, now_ms)?;
            if batch.is_empty() {
                return Ok(retention);
            }
            batch.commit()?;
        }
    }

    /// Adds to `batch` the removal of what `records` supersede, and returns those that are not superseded at once.
    ///
    /// A record that is superseded within its own batch is not written at all: inserting and removing one key in one batch would
    /// leave open which of the two stands.
    pub fn compact(&self, folder: &Folder, batch: &mut OwnedWriteBatch, records: Vec<Numbered>) -> fjall::Result<Vec<Numbered>> {
        let mut last: HashMap<Vec<u8>, Offset> = HashMap::new();
        for record in records.iter().filter(|record| record.of.topic.compacted()) {
            last.insert(codec::latest_key(record.of, &record.record.key), record.offset);
        }
        if last.is_empty() {
            return Ok(records);
        }
        let mut kept = Vec::with_capacity(records.len());
        for record in records {
            if record.of.topic.compacted() {
                let key = codec::latest_key(record.of, &record.record.key);
                if last.get(&key) != Some(&record.offset) {
                    continue;
                }
                if let Some(superseded) = folder.latest.get(&key)?.and_then(|bytes| <[u8; 8]>::try_from(&*bytes).ok()) {
                    batch.remove(&folder.records, codec::record_key(record.of, Offset::from_be_bytes(superseded)));
                }
                batch.insert(&folder.latest, key, record.offset.to_be_bytes());
            }
            kept.push(record);
        }
        Ok(kept)
    }

    /// Adds to `batch` the removal of presence that is too old: of all but the last record, which marks the end.
    pub fn expire(&mut self, folder: &Folder, batch: &mut OwnedWriteBatch, now_ms: i64) -> fjall::Result<()> {
        let keep_from_ms = now_ms - PRESENCE_KEPT_MS;
        if self.presence_first_at_ms.is_some_and(|at_ms| at_ms >= keep_from_ms) {
            return Ok(());
        }
        let end = folder.ends.get(&PRESENCE).map_or(0, |end| *end.borrow());
        let from = codec::record_key(PRESENCE, self.presence_first);
        let last = codec::record_key(PRESENCE, end.saturating_sub(1));
        self.presence_first_at_ms = None;
        for (count, entry) in folder.records.range(from..last).enumerate() {
            let (key, value) = entry.into_inner()?;
            let at_ms = codec::appended_at_ms(&value).unwrap_or_default();
            self.presence_first = codec::offset_of(&key).unwrap_or(self.presence_first);
            if at_ms >= keep_from_ms || count == EXPIRED_PER_BATCH_MAX {
                self.presence_first_at_ms = Some(at_ms);
                break;
            }
            batch.remove(&folder.records, key);
        }
        Ok(())
    }
}
