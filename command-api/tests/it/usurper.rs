//! A stranger with write access who puts records of theirs exactly where an owner's next one was to stand.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use domain::StreamId;
use domain::envelope::Event;
use domain::wire::Record;
use infra::log::{Assignment, Fault, Log, Offset, Producer, Report, Tail, Topic, TopicPartition};

use crate::world::World;

/// One node's way to a log on which a stranger comes before it, once.
struct Usurped {
    inner: Arc<dyn Log>,
    lurks: Arc<AtomicBool>,
}

struct UsurpedProducer {
    inner: Arc<dyn Producer>,
    lurks: Arc<AtomicBool>,
}

/// The same record but for its text and its command: of the same epoch, the same sequence and the same version of the room.
fn forged(record: &Record) -> Record {
    let mut forged = record.clone();
    forged.value = String::from_utf8(forged.value).unwrap().replace("said by ann", "never said!").into_bytes();
    let another = infra::random::uuid_v4().to_string().into_bytes();
    forged.headers.iter_mut().filter(|(name, _)| name == "ce_commandid").for_each(|(_, value)| *value = another.clone());
    forged
}

impl Producer for UsurpedProducer {
    fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        let is_message = record.header("ce_type") == Some("sarangbang.room.message-sent.v1");
        if is_message && self.lurks.swap(false, Ordering::SeqCst) {
            drop(self.inner.append(to, forged(&record))?);
        }
        self.inner.send(to, record, report)
    }
}

#[async_trait]
impl Log for Usurped {
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
        Ok(Arc::new(UsurpedProducer { inner: self.inner.producer()?, lurks: Arc::clone(&self.lurks) }))
    }
    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        self.inner.end(of).await
    }
    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault> {
        self.inner.tail(of, from).await
    }
    async fn assignment(&self, group: &str) -> Result<Box<dyn Assignment>, Fault> {
        self.inner.assignment(group).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_under_an_own_sequence_and_is_not_ones_own_is_not_acknowledged_as_such() {
    let world = World::new(1);
    let lurks = Arc::new(AtomicBool::new(false));
    let log = Arc::new(Usurped { inner: Arc::clone(&world.log), lurks: Arc::clone(&lurks) });
    let node = world.node_over("a", log).await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    lurks.store(true, Ordering::SeqCst);
    let outcome = node.say(&world, room, "ann", "said by ann").await.unwrap();
    assert!(!lurks.load(Ordering::SeqCst), "the stranger was there");
    let effective = world.effective().await;
    let stands =
        effective.iter().find(|event| event.metadata.sequence == outcome.sequence && event.stream == StreamId::Room(room));
    let Some(Event::Room(domain::room::Event::MessageSent(sent))) = stands.map(|event| &event.event) else {
        panic!("no message stands at {}", outcome.sequence)
    };
    assert_eq!(sent.message.personal.text.as_str(), "said by ann");
    assert_eq!(outcome.number, Some(2), "behind the forged one, which no reader can tell from another");
    assert_eq!(node.say(&world, room, "ann", "and on").await.unwrap().number, Some(3));
}
