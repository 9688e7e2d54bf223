//! The embedded log: the contract, and what only a folder can do.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use domain::Timestamp;
use futures_util::FutureExt as _;
use infra::clock::Clock;
use infra::log::embedded::{self, Options};
use infra::log::{Fault, Log, Topic, TopicPartition};

use crate::log_contract::{Adapter, PATIENCE, TWO, append, contract, numbered, read_all};
use crate::log_process::{self, Place};

struct Embedded {
    folder: tempfile::TempDir,
    event_partitions: NonZeroU32,
}

#[async_trait]
impl Adapter for Embedded {
    async fn fresh(event_partitions: NonZeroU32) -> Option<Self> {
        Some(Self { folder: tempfile::tempdir().unwrap(), event_partitions })
    }

    async fn open(&self) -> Arc<dyn Log> {
        embedded::open(self.folder.path(), Options { event_partitions: self.event_partitions, ..Options::default() }).unwrap()
    }

    fn place(&self) -> Place {
        Place::Folder(self.folder.path().display().to_string())
    }
}

contract!(Embedded);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_confirms_nothing_and_loses_nothing() {
    log_process::a_full_disk_confirms_nothing_and_loses_nothing(Embedded::fresh(TWO).await.unwrap()).await;
}

#[tokio::test]
async fn a_folder_is_refused_while_it_is_open_and_with_other_counts() {
    let adapter = Embedded::fresh(TWO).await.unwrap();
    let log = adapter.open().await;
    let second = embedded::open(adapter.folder.path(), Options::default()).map(|_| ());
    assert!(matches!(second, Err(Fault::Unavailable(text)) if text.contains("another process")));
    drop(log);
    let three = Options { event_partitions: NonZeroU32::new(3).unwrap(), ..Options::default() };
    let refused = embedded::open(adapter.folder.path(), three).map(|_| ());
    assert!(matches!(refused, Err(Fault::Misconfigured(text)) if text.contains("users.v1 has 2 partitions")));
    adapter.open().await;
}

#[tokio::test]
async fn a_folder_is_free_though_its_tail_was_dropped_in_the_middle_of_a_read() {
    let adapter = Embedded::fresh(TWO).await.unwrap();
    let rooms = TopicPartition { topic: Topic::Rooms, partition: 0 };
    let log = adapter.open().await;
    let producer = log.producer().unwrap();
    let sent: Vec<_> = (0..5_000).map(|number| producer.append(rooms, numbered(number)).unwrap()).collect();
    for appending in sent {
        appending.await.unwrap();
    }
    drop((producer, log));
    for _ in 0..10 {
        let log = adapter.open().await;
        let mut tail = log.tail(rooms, 0).await.unwrap();
        // So much is read on another thread, which is most often not done when the call is given up.
        drop(tail.next(5_000, PATIENCE).now_or_never());
        drop((tail, log));
    }
}

#[tokio::test]
async fn a_compacted_topic_has_exactly_one_record_a_key() {
    let adapter = Embedded::fresh(TWO).await.unwrap();
    let reads = TopicPartition { topic: Topic::Reads, partition: 0 };
    let log = adapter.open().await;
    let producer = log.producer().unwrap();
    let sent: Vec<_> = (0..100).map(|number| producer.append(reads, numbered(number)).unwrap()).collect();
    for appending in sent {
        appending.await.unwrap();
    }
    append(&*producer, reads, numbered(100)).await;
    let offsets: Vec<_> = read_all(&*log, reads).await.into_iter().map(|stored| stored.offset).collect();
    assert_eq!(offsets, [94, 95, 96, 97, 98, 99, 100], "the last of each of seven keys");
}

struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap()
    }
}

#[tokio::test]
async fn presence_is_kept_for_a_minute() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SetClock(AtomicI64::new(1_000_000)));
    let presence = TopicPartition { topic: Topic::Presence, partition: 0 };
    let open = || embedded::open(folder.path(), Options { event_partitions: TWO, clock: clock.clone() }).unwrap();
    let offsets = async |log: &dyn Log| read_all(log, presence).await.into_iter().map(|stored| stored.offset).collect::<Vec<_>>();
    let log = open();
    let producer = log.producer().unwrap();
    for number in 0..6 {
        append(&*producer, presence, numbered(number)).await;
        clock.0.fetch_add(20_000, Ordering::Relaxed);
    }
    // The sixth was written at 100 s, when all before 40 s was older than a minute.
    assert_eq!(offsets(&*log).await, [2, 3, 4, 5]);
    drop((producer, log));
    clock.0.fetch_add(3_600_000, Ordering::Relaxed);
    let log = open();
    assert_eq!(offsets(&*log).await, [5], "all but the last expire at start; that one marks the end");
    assert_eq!(append(&*log.producer().unwrap(), presence, numbered(6)).await, Some(6));
}
