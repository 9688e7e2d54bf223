//! The log in one folder of this machine: fjall, group commit, one process.
//!
//! It keeps the same promises as Kafka, without its replication: an append is confirmed after `fdatasync`, tails are woken and
//! never poll, offsets are dense (compaction and expiry leave holes).
//!
//! Deliberately absent: a second process (fjall locks the folder) and a way to go on after a failed write. After a full disk
//! every append is refused until the process is restarted, because only opening the folder anew tells what is in it;
//! [`Log::failed`] says so, and the program then ends by itself.

mod codec;
mod folder;
mod hold;
mod retention;
mod tail;
mod writer;

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use domain::wire::Record;
use futures_util::FutureExt;
use tokio::sync::watch;

use self::folder::Folder;
use self::hold::{Hold, Released};
use self::tail::EmbeddedTail;
use self::writer::{Failed, Queue};
use super::{Appending, Assignment, Fault, Log, Offset, Producer, RECORD_BYTES_MAX, Report, Tail, Topic, TopicPartition};
use crate::clock::{Clock, SystemClock};

/// How many partitions an event topic has on a single machine, unless set otherwise: one for each of two cores.
pub const EVENT_PARTITIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// What the embedded log can be told.
#[derive(Clone)]
pub struct Options {
    /// How many partitions each event topic has: fixed when the folder is made. The other topics have one.
    pub event_partitions: NonZeroU32,
    /// Tells when a record is appended.
    pub clock: Arc<dyn Clock>,
}

impl Default for Options {
    fn default() -> Self {
        Self { event_partitions: EVENT_PARTITIONS, clock: Arc::new(SystemClock) }
    }
}

/// Opens the log in `path`, or makes it there. Blocks on the disk.
///
/// The folder is free again when the log and every producer and tail of it are dropped.
///
/// # Errors
/// [`Fault::Unavailable`] when another process has it open, or the disk fails; [`Fault::Misconfigured`] when it was made with
/// other partition counts, by another version, or is damaged.
pub fn open(path: &Path, options: Options) -> Result<Arc<dyn Log>, Fault> {
    let folder = Folder::open(path, &options)?;
    let (hold, released) = hold::hold();
    let (queue, failed) = writer::start(folder.clone(), options.clock.clone(), hold.clone())?;
    let core = Core { folder, queue: Some(queue), hold: Some(hold), released };
    Ok(Arc::new(EmbeddedLog { core: Arc::new(core), failed, options }))
}

/// What the log, its producers and its tails share. The last of them closes the folder.
struct Core {
    folder: Folder,
    /// There until the core is dropped.
    queue: Option<Queue>,
    /// For the threads that read; there until the core is dropped.
    hold: Option<Hold>,
    released: Released,
}

impl Drop for Core {
    fn drop(&mut self) {
        // The writer ends with its queue, and is waited for, as is a read whose tail was dropped: so that whoever opens the folder
        // next finds it unlocked.
        self.queue = None;
        self.hold = None;
        self.released.wait();
    }
}

struct EmbeddedLog {
    core: Arc<Core>,
    /// Why the writer writes no more.
    failed: Failed,
    options: Options,
}

#[async_trait]
impl Log for EmbeddedLog {
    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn identity(&self) -> String {
        format!("embedded/{}", self.core.folder.id)
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        self.options.partitions(topic)
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, Fault> {
        Ok(Arc::new(EmbeddedProducer(self.core.clone())))
    }

    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        Ok(*self.core.folder.end(of)?.borrow())
    }

    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault> {
        Ok(Box::new(EmbeddedTail::new(self.core.clone(), of, from)?))
    }

    async fn failed(&self) -> Fault {
        let mut failed = self.failed.clone();
        let why = failed.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => Fault::Unavailable(format!("a write failed ({why})")),
            // The writer has ended without a failure: the log is being closed.
            None => std::future::pending().await,
        }
    }

    async fn assignment(&self, _group: &str) -> Result<Box<dyn Assignment>, Fault> {
        let all = EventTopic::ALL
            .into_iter()
            .flat_map(|topic| (0..self.options.event_partitions.get()).map(move |number| PartitionId { topic, number }));
        Ok(Box::new(EverythingAssigned(watch::Sender::new(all.collect()))))
    }
}

struct EmbeddedProducer(Arc<Core>);

impl Producer for EmbeddedProducer {
    fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        match self.0.queue.as_ref() {
            Some(queue) => queue.send(to, record, report),
            None => {
                report.dismiss();
                Err(Fault::Unavailable("the log was closed".to_owned()))
            }
        }
    }

    fn append(&self, to: TopicPartition, record: Record) -> Result<Appending, Fault> {
        let (report, reported) = Report::once();
        self.send(to, record, report)?;
        Ok(writer::bounded(reported).boxed())
    }
}

/// One process has the folder, so it gets every partition, until it leaves.
struct EverythingAssigned(watch::Sender<BTreeSet<PartitionId>>);

#[async_trait]
impl Assignment for EverythingAssigned {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.0.subscribe()
    }

    fn commit(&self, _partition: PartitionId, _next_offset: Offset) {
        // There are no outside tools to tell: nobody else can open the folder.
    }

    async fn leave(&self) {
        self.0.send_replace(BTreeSet::new());
    }
}
