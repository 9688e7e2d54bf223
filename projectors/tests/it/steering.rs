//! The assignment says what to follow, and is told how far it came.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use infra::log::{Assignment, Fault, Log, Offset, Producer, Tail, Topic, TopicPartition};
use tokio::sync::watch;

use crate::stage::{Owner, PATIENCE, READS, ROOMS, Running, Stage, USERS, created};

/// The embedded log, with an assignment that a test changes.
struct Steered {
    inner: Arc<dyn Log>,
    hint: watch::Sender<BTreeSet<PartitionId>>,
    /// What it was told last.
    committed: watch::Sender<Option<(PartitionId, Offset)>>,
}

struct Hint(watch::Receiver<BTreeSet<PartitionId>>, watch::Sender<Option<(PartitionId, Offset)>>);

#[async_trait]
impl Assignment for Hint {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.0.clone()
    }
    fn commit(&self, partition: PartitionId, next_offset: Offset) {
        self.1.send_replace(Some((partition, next_offset)));
    }
    async fn leave(&self) {}
}

#[async_trait]
impl Log for Steered {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    fn identity(&self) -> String {
        self.inner.identity()
    }
    fn record_bytes_max(&self) -> usize {
        self.inner.record_bytes_max()
    }
    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        self.inner.partitions(topic)
    }
    fn producer(&self) -> Result<Arc<dyn Producer>, Fault> {
        self.inner.producer()
    }
    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        self.inner.end(of).await
    }
    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault> {
        self.inner.tail(of, from).await
    }
    async fn assignment(&self, _: &str) -> Result<Box<dyn Assignment>, Fault> {
        Ok(Box::new(Hint(self.hint.subscribe(), self.committed.clone())))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn followers_come_and_go_with_the_assignment() {
    let stage = Stage::new();
    let [users, rooms] = EventTopic::ALL.map(|topic| PartitionId { topic, number: 0 });
    let (committed, mut told) = watch::channel(None);
    let steered = Arc::new(Steered { inner: Arc::clone(&stage.log), hint: watch::Sender::new(BTreeSet::new()), committed });
    let log: Arc<dyn Log> = steered.clone();
    let running = Running::start(&log, &stage.timeline("steered").await, 100);
    let following = async |expected: &[TopicPartition]| {
        let expected: BTreeSet<_> = expected.iter().copied().collect();
        let there = running.status.wait_for(|now| now.keys().copied().collect::<BTreeSet<_>>() == expected);
        tokio::time::timeout(PATIENCE, there).await.unwrap();
    };
    steered.hint.send_replace(BTreeSet::from([users]));
    following(&[USERS]).await;
    // Read positions go with the rooms.
    steered.hint.send_replace(BTreeSet::from([users, rooms]));
    following(&[USERS, ROOMS, READS]).await;

    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga"])).await;
    running.catch_up(&*stage.log).await;
    let measured = running.status.wait_for(|now| now.get(&ROOMS).is_some_and(|progress| progress.end == Some(2)));
    tokio::time::timeout(PATIENCE, measured).await.unwrap();
    // It is told a moment after the rows are there, and of each batch.
    tokio::time::timeout(PATIENCE, told.wait_for(|last| *last == Some((rooms, 2)))).await.unwrap().unwrap();

    steered.hint.send_replace(BTreeSet::new());
    following(&[]).await;
    assert!(running.status.ready(), "a node without partitions is ready");
    steered.hint.send_replace(BTreeSet::from([rooms]));
    following(&[ROOMS, READS]).await;
    running.stop().await;
}
