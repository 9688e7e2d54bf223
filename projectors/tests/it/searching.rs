//! The search projector on the real embedded log and the real SQLite index: refused, cut off, and what is too old.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ids::EventTopic;
use infra::log::{Log, TopicPartition};
use infra::read_model::{Checkpoint, Page};
use infra::search::{
    Document, Fault, Hit, Measure, Order, Query, Ranked, Ranking, Refused, Rooms, Search, Span, clauses, sqlite,
};
use projectors::Status;
use projectors::search::{Indexer, Options};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::counting::{Numbers, live};
use crate::stage::{Owner, PATIENCE, ROOMS, Stage, USERS, created, sent};

/// An index with faults of its own making before the real one.
struct Faulty {
    inner: Arc<dyn Search>,
    /// Whether nobody answers.
    away: AtomicBool,
    /// A text that is refused for good.
    poison: &'static str,
    /// The most documents that were handed over at once.
    batch_max: AtomicUsize,
    /// Writes that were heard of while it was away.
    asked: AtomicUsize,
    /// How often it was asked to take over from an older one.
    offered: AtomicUsize,
}

impl Faulty {
    async fn on(stage: &Stage) -> Arc<Self> {
        let inner = sqlite::open(&stage.file("search.sqlite")).await.unwrap();
        let (batch_max, asked, offered) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { inner, away: AtomicBool::new(false), poison: "poison", batch_max, asked, offered })
    }
}

#[async_trait]
impl Search for Faulty {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        self.inner.checkpoint(partition).await
    }
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        self.inner.checkpoints().await
    }
    async fn write(&self, documents: &[Document]) -> Result<Vec<Refused>, Fault> {
        self.batch_max.fetch_max(documents.len(), Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return Err(Fault::Unavailable("a test cut it off".to_owned()));
        }
        let poisoned = |document: &Document| match document {
            Document::Message(message) => message.text.as_deref().is_some_and(|text| text.contains(self.poison)),
            Document::Person(_) => false,
        };
        let (refused, taken): (Vec<_>, Vec<_>) = documents.iter().enumerate().partition(|(_, document)| poisoned(document));
        let taken: Vec<Document> = taken.into_iter().map(|(_, document)| document.clone()).collect();
        assert_eq!(self.inner.write(&taken).await?, []);
        Ok(refused.into_iter().map(|(index, _)| Refused { index, reason: "no poison here".to_owned() }).collect())
    }
    async fn advance(&self, partition: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        self.inner.advance(partition, expected, next).await
    }
    async fn take_over(&self) -> Result<bool, Fault> {
        self.offered.fetch_add(1, Ordering::SeqCst);
        self.inner.take_over().await
    }
    async fn expire(&self, before: Timestamp) -> Result<u64, Fault> {
        self.inner.expire(before).await
    }
    async fn refresh(&self) -> Result<(), Fault> {
        self.inner.refresh().await
    }
    async fn find(&self, query: &Query) -> Result<Page<Hit>, Fault> {
        self.inner.find(query).await
    }
    async fn series(&self, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault> {
        self.inner.series(measure, rooms, edges).await
    }
    async fn top(&self, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault> {
        self.inner.top(ranking, rooms, span, limit).await
    }
}

/// The search projector at work.
pub struct Running {
    pub status: Status,
    stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Running {
    pub async fn start(stage: &Stage, search: Arc<dyn Search>, batch_records_max: usize) -> Self {
        Self::with(stage, search, Options { batch_records_max, ..Options::default() }).await
    }

    async fn with(stage: &Stage, search: Arc<dyn Search>, options: Options) -> Self {
        let status = Status::default();
        let options = Options {
            backoff_max: Duration::from_millis(20),
            lag_interval: Duration::from_millis(50),
            status: status.clone(),
            ..options
        };
        let stop = CancellationToken::new();
        let indexer = Indexer::start(options, Arc::clone(&stage.log), search).await.unwrap();
        let task = tokio::spawn(indexer.run(stop.clone()));
        Self { status, stop, task }
    }

    /// Waits until both event partitions have come to the log's present end.
    pub async fn catch_up(&self, log: &dyn Log) {
        let ends = [(USERS, log.end(USERS).await.unwrap()), (ROOMS, log.end(ROOMS).await.unwrap())];
        let there = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
            let at = |partition| partitions.get(&partition).and_then(|progress| progress.checkpoint);
            ends.iter().all(|(partition, end)| at(*partition).is_some_and(|at| at.next_offset >= *end))
        };
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(there)).await;
        assert!(waited.is_ok(), "{ends:?} were not reached: {:?}", self.status.partitions());
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it did not stop").unwrap();
    }
}

/// Looks for `text` everywhere, the latest first.
pub fn query(text: &str) -> Query {
    Query {
        clauses: if text.is_empty() { Vec::new() } else { clauses(text).unwrap() },
        rooms: Rooms::All,
        sender: None,
        from: None,
        until: None,
        order: Order::Time,
        after: None,
        limit: 100,
    }
}

async fn found(search: &dyn Search, text: &str) -> BTreeSet<u64> {
    search.find(&query(text)).await.unwrap().items.into_iter().map(|hit| hit.key.number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_away_loses_nothing_and_fills_no_memory() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga"])).await;
    let search = Faulty::on(&stage).await;
    search.away.store(true, Ordering::SeqCst);
    let running = Running::start(&stage, search.clone(), 10).await;
    for number in 1..=300 {
        owner.event(sent(1, number, "tea", &[])).await;
    }
    // It goes on asking, and tells that it stands still.
    let stuck = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
        partitions.get(&ROOMS).is_some_and(|progress| progress.fault.as_deref().is_some_and(|fault| fault.contains("cut it off")))
    };
    tokio::time::timeout(PATIENCE, running.status.wait_for(stuck)).await.unwrap();
    // And it offers to take over from an older index, which only the index can tell.
    while search.asked.load(Ordering::SeqCst) < 5 || search.offered.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(search.checkpoint(ROOMS).await.unwrap(), Checkpoint::default());
    search.away.store(false, Ordering::SeqCst);
    running.catch_up(&*stage.log).await;
    running.stop().await;
    let all = Query { limit: 1_000, ..query("tea") };
    assert_eq!(search.find(&all).await.unwrap().items.len(), 300);
    assert!(search.batch_max.load(Ordering::SeqCst) <= 10, "never more than a batch is in memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_indexed_is_parked_and_the_rest_goes_on() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(7, "hall", &["olga"])).await;
    owner.event(sent(7, 1, "tea", &[])).await;
    let poisoned = owner.event(sent(7, 2, "poison in the tea", &[])).await;
    let mut record = domain::wire::Record::of_event(&owner.next(sent(7, 3, "unreadable", &[])));
    for (name, value) in &mut record.headers {
        if name == "ce_type" {
            *value = b"sarangbang.room.dreamt-of.v1".to_vec();
        }
    }
    let unreadable = owner.raw(record).await;
    owner.event(sent(7, 4, "more tea", &[])).await;

    let search = Faulty::on(&stage).await;
    let running = Running::start(&stage, search.clone(), 1_000).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert_eq!(found(&*search, "tea").await, BTreeSet::from([1, 4]));

    // An operator sees both, apart from what the timeline could not take, and retries what the index now takes.
    let generations = stage.generations("timeline").await;
    let (timeline, operations) = crate::stage::Running::on(&stage.log, &generations).await;
    timeline.catch_up(&*stage.log).await;
    let inner = Arc::clone(&search.inner);
    let operations = operations.with_search(inner);
    let ids = async || -> Vec<String> {
        operations.parked(100).await.unwrap().items.into_iter().map(|entry| entry.id.to_string()).collect()
    };
    let (of_poison, of_unreadable) = (format!("search:rooms.v1-0-{poisoned}"), format!("search:rooms.v1-0-{unreadable}"));
    let listed = ids().await;
    assert!(listed.contains(&of_poison) && listed.contains(&of_unreadable), "{listed:?}");
    assert!(listed.contains(&format!("rooms.v1-0-{unreadable}")), "the timeline lacks it too: {listed:?}");
    operations.retry(&of_poison, "test").await.unwrap();
    assert_eq!(found(&*search, "poison").await, BTreeSet::from([2]));
    assert!(operations.retry(&of_unreadable, "test").await.is_err(), "it still cannot be read");
    operations.discard(&of_unreadable, "test").await.unwrap();
    let left = ids().await;
    assert!(!left.contains(&of_poison) && !left.contains(&of_unreadable), "{left:?}");
    assert_eq!(operations.projection("timeline").await.unwrap().parked, 1, "what the index lacks is not the timeline's");
    timeline.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_is_neither_written_nor_kept() {
    let stage = Stage::new();
    live(&*stage.log, 7).await;
    let index = sqlite::open(&stage.file("search.sqlite")).await.unwrap();
    let running = Running::start(&stage, Arc::clone(&index), 1_000).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert!(!index.find(&query("")).await.unwrap().items.is_empty());
    // All of the story was told years ago.
    let day = Some(Duration::from_secs(24 * 60 * 60));
    let options = Options { retention: day, expiry_interval: Duration::from_millis(20), ..Options::default() };
    let running = Running::with(&stage, Arc::clone(&index), options.clone()).await;
    let begin = tokio::time::Instant::now();
    while !index.find(&query("")).await.unwrap().items.is_empty() {
        assert!(begin.elapsed() < PATIENCE, "old messages are still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop().await;
    let fresh = sqlite::open(&stage.file("fresh.sqlite")).await.unwrap();
    let running = Running::with(&stage, Arc::clone(&fresh), Options { expires: false, ..options }).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert!(fresh.find(&query("")).await.unwrap().items.is_empty());
    let registered = fresh.series(&Measure::Registrations, &Rooms::All, &Numbers::edges()).await.unwrap();
    assert_eq!(registered.iter().sum::<u64>(), 10, "people stay");
}
