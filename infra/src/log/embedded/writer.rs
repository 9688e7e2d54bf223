//! The one thread that writes: it collects what waits, makes it durable by one sync, and only then confirms it (group commit).
//!
//! Invariants:
//! * an offset is given to a record once, densely, in the order of the queue;
//! * the high watermark moves, and an append is confirmed, only after the sync that covers it returned well;
//! * after the first failed write nothing more is written: the folder is to be opened anew, which finds out what is in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use domain::wire::Record;
use fjall::PersistMode;
use tokio::sync::watch;

use super::codec;
use super::folder::Folder;
use super::hold::Hold;
use super::retention::Retention;
use crate::clock::Clock;
use crate::log::{Fault, Offset, RECORD_BYTES_MAX, Report, Reported, TopicPartition};

/// The most records that wait for the writer.
const QUEUE_RECORDS_MAX: usize = 16_384;
/// The most bytes that wait for the writer.
const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most records that one sync covers.
const BATCH_RECORDS_MAX: usize = 4_096;
/// The bytes after which a batch takes no more records.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long an append may take before its outcome is called unknown. fjall waits without a limit for tables to be flushed, and a
/// full disk may make that for ever.
const CONFIRM_WAIT_MAX: Duration = Duration::from_secs(20);

/// An append on its way.
struct Waiting {
    to: TopicPartition,
    record: Record,
    bytes: usize,
    report: Report,
}

/// The way to the writer.
pub struct Queue {
    sender: SyncSender<Waiting>,
    bytes: Arc<AtomicUsize>,
}

impl Queue {
    /// Hands a record to the writer without waiting.
    pub fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        let bytes = record.size_bytes();
        if bytes > RECORD_BYTES_MAX {
            report.dismiss();
            return Err(Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX });
        }
        if self.bytes.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES_MAX {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            report.dismiss();
            return Err(Fault::QueueFull);
        }
        let Err(refused) = self.sender.try_send(Waiting { to, record, bytes, report }) else { return Ok(()) };
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let (waiting, fault) = match refused {
            TrySendError::Full(waiting) => (waiting, Fault::QueueFull),
            TrySendError::Disconnected(waiting) => (waiting, Fault::Unavailable("the log's writer has stopped".to_owned())),
        };
        waiting.report.dismiss();
        Err(fault)
    }
}

/// `reported`, but no longer than an append may take.
pub async fn bounded(reported: impl Future<Output = Reported>) -> Reported {
    let late = |_| Err(Fault::Unconfirmed(format!("no answer within {} s", CONFIRM_WAIT_MAX.as_secs())));
    tokio::time::timeout(CONFIRM_WAIT_MAX, reported).await.unwrap_or_else(late)
}

/// Why the writer writes no more, once it does not.
pub type Failed = watch::Receiver<Option<String>>;

/// Starts the writer. It ends when the queue is dropped.
pub fn start(folder: Folder, clock: Arc<dyn Clock>, hold: Hold) -> Result<(Queue, Failed), Fault> {
    let (sender, queue) = sync_channel(QUEUE_RECORDS_MAX);
    let bytes = Arc::new(AtomicUsize::new(0));
    let retention = Retention::new(&folder, &*clock).map_err(|error| Fault::Unavailable(error.to_string()))?;
    let (failed, watched) = watch::channel(None);
    let writer = Writer { folder, clock, retention, queued_bytes: bytes.clone(), failed };
    std::thread::Builder::new()
        .name("log-writer".to_owned())
        .spawn(move || {
            writer.run(&queue);
            drop(hold);
        })
        .map_err(|error| Fault::Unavailable(format!("the log's writer cannot be started: {error}")))?;
    Ok((Queue { sender, bytes }, watched))
}

struct Writer {
    folder: Folder,
    clock: Arc<dyn Clock>,
    retention: Retention,
    queued_bytes: Arc<AtomicUsize>,
    /// Why nothing is written any more.
    failed: watch::Sender<Option<String>>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Waiting>) {
        while let Ok(first) = queue.recv() {
            let batch = self.collect(first, queue);
            if let Some(why) = &*self.failed.borrow() {
                let fault = Fault::Unavailable(format!("an earlier write failed ({why}); restart to go on"));
                refuse(batch, &fault);
                continue;
            }
            self.write(batch);
        }
    }

    fn collect(&self, first: Waiting, queue: &Receiver<Waiting>) -> Vec<Waiting> {
        let mut bytes = first.bytes;
        let mut batch = vec![first];
        while batch.len() < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX {
            let Ok(next) = queue.try_recv() else { break };
            bytes += next.bytes;
            batch.push(next);
        }
        self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        batch
    }

    fn write(&mut self, waiting: Vec<Waiting>) {
        let started = Instant::now();
        let (records, reports) = self.number(waiting);
        let ends = ends_after(&records);
        if let Err(error) = self.commit(records) {
            tracing::error!(%error, records = reports.len(), "the log cannot be written; nothing is confirmed until a restart");
            self.failed.send_replace(Some(error.to_string()));
            for (_, report) in reports {
                report.tell(Err(Fault::Unconfirmed(error.to_string())));
            }
            return;
        }
        metrics::histogram!("sarangbang_log_commit_seconds").record(started.elapsed());
        metrics::counter!("sarangbang_log_records_appended_total").increment(reports.len() as u64);
        for (of, end) in ends {
            if let Some(sender) = self.folder.ends.get(&of) {
                sender.send_replace(end);
            }
        }
        for (offset, report) in reports {
            report.tell(Ok(Some(offset)));
        }
    }

    /// Gives each record its offset; one for a partition that does not exist is refused.
    fn number(&self, waiting: Vec<Waiting>) -> (Vec<Numbered>, Vec<(Offset, Report)>) {
        let mut next: HashMap<TopicPartition, Offset> = HashMap::new();
        let mut records = Vec::with_capacity(waiting.len());
        let mut reports = Vec::with_capacity(waiting.len());
        for Waiting { to, record, report, .. } in waiting {
            let end = match self.folder.end(to) {
                Ok(end) => next.entry(to).or_insert_with(|| *end.borrow()),
                Err(fault) => {
                    report.tell(Err(fault));
                    continue;
                }
            };
            records.push(Numbered { of: to, offset: *end, record });
            reports.push((*end, report));
            *end += 1;
        }
        (records, reports)
    }

    /// Writes and syncs. fjall makes a batch visible to readers only after its sync, and none of it after a failure.
    fn commit(&mut self, records: Vec<Numbered>) -> fjall::Result<()> {
        let now_ms = self.clock.now().as_millis();
        let mut batch = self.folder.database.batch().durability(Some(PersistMode::SyncData));
        let kept = self.retention.compact(&self.folder, &mut batch, records)?;
        self.retention.expire(&self.folder, &mut batch, now_ms)?;
        for Numbered { of, offset, record } in kept {
            batch.insert(&self.folder.records, codec::record_key(of, offset), codec::encode(&record, now_ms));
        }
        batch.commit()
    }
}

/// A record with its place.
pub struct Numbered {
    pub of: TopicPartition,
    pub offset: Offset,
    pub record: Record,
}

fn ends_after(records: &[Numbered]) -> BTreeMap<TopicPartition, Offset> {
    // In offset order within a partition, so the last one stands.
    records.iter().map(|record| (record.of, record.offset + 1)).collect()
}

fn refuse(batch: Vec<Waiting>, fault: &Fault) {
    for waiting in batch {
        waiting.report.tell(Err(fault.clone()));
    }
}
