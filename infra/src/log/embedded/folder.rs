//! The data folder: one fjall database that says what it is, and is opened only by settings that fit.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Options, codec};
use crate::log::{Fault, Offset, Topic, TopicPartition};

/// The version of the folder's lay-out. A folder of another version is refused, never guessed at.
const LAYOUT: &[u8] = b"1";

/// Memory for blocks read from disk, in bytes. Tails read what was just written, from memory; only a replay reads far back, once.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Memory that records wait in before they are sorted into a table, in bytes. They are in the journal already.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// The most that journals take on disk, in bytes: fjall's least is 64 MiB.
const JOURNAL_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Threads that flush and merge tables.
const WORKER_THREADS: usize = 2;

/// The high watermark of each partition: the offset after its last durable record.
pub type Ends = BTreeMap<TopicPartition, watch::Sender<Offset>>;

/// The open folder. Cloning clones handles.
#[derive(Clone)]
pub struct Folder {
    pub database: Database,
    /// All records, by [`codec::record_key`].
    pub records: Keyspace,
    /// The offset of the latest record of each key of the compacted topics, by [`codec::latest_key`].
    pub latest: Keyspace,
    /// Written by the writer alone, after the records are durable.
    pub ends: Arc<Ends>,
    /// Made once, at random, with the folder.
    pub id: Uuid,
}

impl Folder {
    /// Opens or makes the folder, and finds the end of each partition.
    pub fn open(path: &Path, options: &Options) -> Result<Self, Fault> {
        let context = |error| open_fault(path, &error);
        let database = Database::builder(path)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKER_THREADS)
            .open()
            .map_err(context)?;
        let about = database.keyspace("about", KeyspaceCreateOptions::default).map_err(context)?;
        let records = database
            .keyspace("records", || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES))
            .map_err(context)?;
        let latest = database.keyspace("latest", KeyspaceCreateOptions::default).map_err(context)?;
        let id = settle(path, &database, &about, options)?;
        let mut ends = Ends::new();
        for of in Topic::ALL.into_iter().flat_map(|topic| partitions_of(topic, options)) {
            ends.insert(of, watch::Sender::new(end_of(&records, of).map_err(context)?));
        }
        Ok(Self { database, records, latest, ends: Arc::new(ends), id })
    }

    /// The partition's high watermark, to read and to wait for.
    pub fn end(&self, of: TopicPartition) -> Result<&watch::Sender<Offset>, Fault> {
        self.ends.get(&of).ok_or_else(|| Fault::Misconfigured(format!("there is no partition {of}")))
    }
}

fn partitions_of(topic: Topic, options: &Options) -> impl Iterator<Item = TopicPartition> {
    (0..options.partitions(topic).get()).map(move |partition| TopicPartition { topic, partition })
}

/// The end is one after the last record. That one is never deleted: a compacted topic drops only what a later record
/// supersedes, and expiry spares the last.
fn end_of(records: &Keyspace, of: TopicPartition) -> fjall::Result<Offset> {
    let Some(last) = records.prefix(codec::partition_prefix(of)).next_back() else { return Ok(0) };
    Ok(codec::offset_of(&last.key()?).map_or(0, |offset| offset + 1))
}

/// Writes what a new folder is, or holds an old one against the settings. Returns the folder's id.
fn settle(path: &Path, database: &Database, about: &Keyspace, options: &Options) -> Result<Uuid, Fault> {
    let context = |error| open_fault(path, &error);
    let Some(layout) = about.get("layout").map_err(context)? else {
        return begin(database, about, options).map_err(context);
    };
    if &*layout != LAYOUT {
        return Err(misconfigured(
            path,
            &format!("its lay-out is {}, and this version reads 1", String::from_utf8_lossy(&layout)),
        ));
    }
    for topic in Topic::ALL {
        let stored = about.get(count_key(topic)).map_err(context)?;
        let stored = stored.and_then(|bytes| <[u8; 4]>::try_from(&*bytes).ok()).map(u32::from_be_bytes);
        let wanted = options.partitions(topic).get();
        if stored != Some(wanted) {
            let stored = stored.map_or_else(|| "an unknown number of".to_owned(), |count| count.to_string());
            let name = topic.base_name();
            let text =
                format!("topic {name} has {stored} partitions, and the settings say {wanted}; the count is fixed for life");
            return Err(misconfigured(path, &text));
        }
    }
    let id = about.get("id").map_err(context)?.and_then(|bytes| Uuid::from_slice(&bytes).ok());
    id.ok_or_else(|| misconfigured(path, "its id cannot be read"))
}

fn begin(database: &Database, about: &Keyspace, options: &Options) -> fjall::Result<Uuid> {
    let id = crate::random::uuid_v4();
    let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
    batch.insert(about, "layout", LAYOUT);
    batch.insert(about, "id", id.as_bytes().as_slice());
    for topic in Topic::ALL {
        batch.insert(about, count_key(topic), options.partitions(topic).get().to_be_bytes());
    }
    batch.commit()?;
    Ok(id)
}

fn count_key(topic: Topic) -> String {
    format!("partitions/{}", topic.base_name())
}

impl Options {
    /// How many partitions `topic` has.
    pub(super) fn partitions(&self, topic: Topic) -> NonZeroU32 {
        if matches!(topic, Topic::Users | Topic::Rooms) { self.event_partitions } else { NonZeroU32::MIN }
    }
}

fn misconfigured(path: &Path, what: &str) -> Fault {
    Fault::Misconfigured(format!("the log folder {}: {what}", path.display()))
}

fn open_fault(path: &Path, error: &fjall::Error) -> Fault {
    match error {
        fjall::Error::Locked => Fault::Unavailable(format!(
            "the log folder {} is in use by another process; one process at a time can open it",
            path.display()
        )),
        fjall::Error::Io(error) => Fault::Unavailable(format!("the log folder {} cannot be opened: {error}", path.display())),
        _ => misconfigured(path, &format!("it cannot be opened: {error}")),
    }
}
