//! Reading a partition onwards.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::folder::Folder;
use super::{Core, codec};
use crate::log::{Fault, Offset, StoredRecord, Tail, TopicPartition};

/// The bytes after which [`Tail::next`] takes no more records.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Up to this many records behind the end, a tail reads on the calling thread: they were just written and are in memory. Farther
/// behind it reads on a thread that may block on the disk.
const IN_MEMORY_RECORDS_MAX: u64 = 64;

/// A tail of the embedded log.
pub struct EmbeddedTail {
    folder: Folder,
    of: TopicPartition,
    /// The offset from which the next record is read.
    position: Offset,
    /// What was read, and not asked for yet: records below `position`.
    ready: VecDeque<StoredRecord>,
    /// A read on another thread that is under way. It belongs to the tail and not to the call that began it: a call that is given up
    /// leaves it to the next one, so that there is never a second, and giving up again and again still comes forward.
    reading: Option<JoinHandle<Result<Batch, Fault>>>,
    end: watch::Receiver<Offset>,
    /// Where the partition ended when the tail was made.
    end_at_first: Offset,
    /// Keeps the log open for as long as somebody reads it.
    core: Arc<Core>,
}

impl EmbeddedTail {
    pub(super) fn new(core: Arc<Core>, of: TopicPartition, from: Offset) -> Result<Self, Fault> {
        let folder = core.folder.clone();
        let end = folder.end(of)?.subscribe();
        let last = *end.borrow();
        if from > last {
            return Err(Fault::Misconfigured(format!("{of} ends at {last}, so it cannot be read from {from}")));
        }
        Ok(Self { folder, of, position: from, ready: VecDeque::new(), reading: None, end, end_at_first: last, core })
    }

    /// Waits until there is something behind the position, and reads it into `ready`. May be given up anywhere.
    async fn fill(&mut self, records_max: usize) -> Result<(), Fault> {
        let reading = match &mut self.reading {
            Some(reading) => reading,
            None => {
                let position = self.position;
                let end = *self
                    .end
                    .wait_for(|end| *end > position)
                    .await
                    .map_err(|_| Fault::Unavailable("the log was closed".to_owned()))?;
                if end - position <= IN_MEMORY_RECORDS_MAX {
                    let batch = read(&self.folder, self.of, position, end, records_max)?;
                    self.take(batch);
                    return Ok(());
                }
                let reading = self.begin(end, records_max);
                self.reading.insert(reading)
            }
        };
        let read = reading.await;
        self.reading = None;
        let batch = read.map_err(|error| Fault::Unavailable(format!("reading {} failed: {error}", self.of)))??;
        self.take(batch);
        Ok(())
    }

    /// Begins to read up to `end` where blocking is allowed.
    fn begin(&self, end: Offset, records_max: usize) -> JoinHandle<Result<Batch, Fault>> {
        let (folder, hold) = (self.folder.clone(), self.core.hold.clone());
        let (of, position) = (self.of, self.position);
        tokio::task::spawn_blocking(move || {
            let batch = read(&folder, of, position, end, records_max);
            drop(folder);
            drop(hold);
            batch
        })
    }

    fn take(&mut self, batch: Batch) {
        self.position = batch.next;
        self.ready.extend(batch.records);
    }
}

#[async_trait]
impl Tail for EmbeddedTail {
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
        if self.ready.is_empty()
            && let Ok(filled) = tokio::time::timeout(wait_max, self.fill(records_max)).await
        {
            filled?;
        }
        // The read may have been begun by a call that would have taken more.
        let count = self.ready.len().min(records_max);
        Ok(self.ready.drain(..count).collect())
    }

    fn has_ended(&self) -> bool {
        self.ready.is_empty() && self.position >= self.end_at_first
    }

    fn skip_to(&mut self, offset: Offset) {
        self.ready.retain(|stored| stored.offset >= offset);
        if offset > self.position {
            // A read under way is of what is skipped. It goes on without anybody, and holds the folder until it ends.
            self.reading = None;
            self.position = offset;
        }
    }
}

struct Batch {
    records: Vec<StoredRecord>,
    /// Where the next batch begins.
    next: Offset,
}

/// Reads at most `records_max` records in `position..end`.
fn read(folder: &Folder, of: TopicPartition, position: Offset, end: Offset, records_max: usize) -> Result<Batch, Fault> {
    let mut batch = Batch { records: Vec::new(), next: position };
    let mut bytes = 0;
    for entry in folder.records.range(codec::record_key(of, position)..codec::record_key(of, end)) {
        if batch.records.len() >= records_max || bytes >= BATCH_BYTES_MAX {
            return Ok(batch);
        }
        let (key, value) = entry.into_inner().map_err(|error| Fault::Unavailable(format!("reading {of} failed: {error}")))?;
        let offset = codec::offset_of(&key);
        let record = offset.and_then(|offset| codec::decode(offset, &value));
        let record = record.ok_or_else(|| Fault::Misconfigured(format!("the record {of} {offset:?} cannot be read")))?;
        bytes += value.len();
        batch.next = record.offset + 1;
        batch.records.push(record);
    }
    // All that there is was read: what is missing up to the end was superseded or has expired.
    batch.next = end;
    Ok(batch)
}
