//! Reading a partition onwards.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::codec;
use super::folder::Folder;
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
    end: watch::Receiver<Offset>,
    /// Keeps the log open for as long as somebody reads it.
    _core: std::sync::Arc<super::Core>,
}

impl EmbeddedTail {
    pub(super) fn new(core: std::sync::Arc<super::Core>, of: TopicPartition, from: Offset) -> Result<Self, Fault> {
        let folder = core.folder.clone();
        let end = folder.end(of)?.subscribe();
        let last = *end.borrow();
        if from > last {
            return Err(Fault::Misconfigured(format!("{of} ends at {last}, so it cannot be read from {from}")));
        }
        Ok(Self { folder, of, position: from, end, _core: core })
    }
}

#[async_trait]
impl Tail for EmbeddedTail {
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
        let position = self.position;
        let end = match tokio::time::timeout(wait_max, self.end.wait_for(|end| *end > position)).await {
            Ok(Ok(end)) => *end,
            Ok(Err(_)) => return Err(Fault::Unavailable("the log was closed".to_owned())),
            Err(_) => return Ok(Vec::new()),
        };
        let (folder, of) = (self.folder.clone(), self.of);
        let batch = if end - position <= IN_MEMORY_RECORDS_MAX {
            read(&folder, of, position, end, records_max)?
        } else {
            tokio::task::spawn_blocking(move || read(&folder, of, position, end, records_max))
                .await
                .map_err(|error| Fault::Unavailable(format!("reading {of} failed: {error}")))??
        };
        self.position = batch.next;
        Ok(batch.records)
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
