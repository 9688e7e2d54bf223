//! The search projector on the real embedded log and the real SQLite index: killed, refused, cut off, and counted after by a count made
//! straight from the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::EventTopic;
use domain::room::{self, MessageDeleted};
use domain::user::Profile;
use domain::wire::Entry;
use domain::{Cursor, Event, Timestamp, Verdict, user};
use infra::log::{Log, TopicPartition};
use infra::read_model::{Checkpoint, Page};
use infra::search::{
    Document, Fault, Hit, Measure, Order, Query, Ranked, Ranking, Refused, Rooms, Search, Span, clauses, sqlite, words,
};
use projectors::Status;
use projectors::search::{Indexer, Options};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::stage::{Owner, PATIENCE, ROOMS, Stage, USERS, created, edited, facts, moment, of_room, of_user, profile, sent};

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
}

impl Faulty {
    async fn on(stage: &Stage) -> Arc<Self> {
        let inner = sqlite::open(&stage.file("search.sqlite")).await.unwrap();
        let (batch_max, asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { inner, away: AtomicBool::new(false), poison: "poison", batch_max, asked })
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
struct Running {
    status: Status,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(stage: &Stage, search: Arc<dyn Search>, batch_records_max: usize) -> Self {
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
    async fn catch_up(&self, log: &dyn Log) {
        let ends = [(USERS, log.end(USERS).await.unwrap()), (ROOMS, log.end(ROOMS).await.unwrap())];
        let there = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
            let at = |partition| partitions.get(&partition).and_then(|progress| progress.checkpoint);
            ends.iter().all(|(partition, end)| at(*partition).is_some_and(|at| at.next_offset >= *end))
        };
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(there)).await;
        assert!(waited.is_ok(), "{ends:?} were not reached: {:?}", self.status.partitions());
    }

    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it did not stop").unwrap();
    }
}

/// Everything that the index holds, as far as queries show it.
async fn picture(search: &dyn Search) -> String {
    let all = Query { limit: 10_000, ..query("") };
    let hits = search.find(&all).await.unwrap();
    let lines: Vec<String> =
        hits.items.iter().map(|hit| format!("{:?} {} {} {:?}", hit.key, hit.author, hit.text, hit.edited_at)).collect();
    format!("{}\n{:?}", lines.join("\n"), Numbers::of_index(search).await)
}

fn query(text: &str) -> Query {
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

/// Everything that is counted.
#[derive(Debug, PartialEq, Eq, Default)]
struct Numbers {
    words: BTreeMap<String, u64>,
    rooms: BTreeMap<String, u64>,
    people: BTreeMap<String, u64>,
    /// Messages and registrations, in buckets of ten seconds.
    messages: Vec<u64>,
    registrations: Vec<u64>,
}

impl Numbers {
    fn edges() -> Vec<Timestamp> {
        (0..=20).map(|bucket| moment(bucket * 100)).collect()
    }

    async fn of_index(search: &dyn Search) -> Self {
        let edges = Self::edges();
        let span = Span { from: edges[0], until: edges[20] };
        let top = async |ranking| {
            let ranked = search.top(ranking, &Rooms::All, span, 10_000).await.unwrap();
            ranked.items.into_iter().map(|row| (row.key, row.count)).collect()
        };
        Self {
            words: top(Ranking::Words).await,
            rooms: top(Ranking::Rooms).await,
            people: top(Ranking::People).await,
            messages: search.series(&Measure::Messages, &Rooms::All, &edges).await.unwrap(),
            registrations: search.series(&Measure::Registrations, &Rooms::All, &edges).await.unwrap(),
        }
    }

    /// Counted straight from the log: no index and no projection between, only the acceptance rule and the events.
    async fn of_log(log: &dyn Log) -> Self {
        let edges = Self::edges();
        let bucket = |at: Timestamp| edges.windows(2).position(|pair| at >= pair[0] && at < pair[1]);
        let mut numbers = Self { messages: vec![0; 20], registrations: vec![0; 20], ..Self::default() };
        let mut texts: BTreeMap<(String, u64), Option<String>> = BTreeMap::new();
        for (partition, topic) in [(USERS, EventTopic::Users), (ROOMS, EventTopic::Rooms)] {
            let (end, mut next, mut cursor) = (log.end(partition).await.unwrap(), 0, Cursor::default());
            let mut tail = log.tail(partition, 0).await.unwrap();
            while next < end {
                for stored in tail.next(1_000, PATIENCE).await.unwrap() {
                    next = stored.offset + 1;
                    if cursor.accept(stored.record.mark()) != Verdict::Effective {
                        continue;
                    }
                    let Ok(Entry::Event(envelope)) = stored.record.decode(topic) else { continue };
                    let stream = envelope.stream.to_string();
                    match envelope.event {
                        Event::User(user::Event::Registered(profile)) => {
                            numbers.registrations[bucket(profile.registered_at).unwrap()] += 1;
                        }
                        Event::Room(room::Event::MessageSent(sent)) => {
                            let message = sent.message;
                            numbers.messages[bucket(message.sent_at).unwrap()] += 1;
                            *numbers.rooms.entry(stream.clone()).or_default() += 1;
                            *numbers.people.entry(message.author.to_string()).or_default() += 1;
                            texts.insert((stream, message.number), Some(message.personal.text.to_string()));
                        }
                        Event::Room(room::Event::MessageEdited(edited)) => {
                            texts.insert((stream, edited.message.number), Some(edited.message.personal.text.to_string()));
                        }
                        Event::Room(room::Event::MessageDeleted(deleted)) => {
                            texts.insert((stream, deleted.number), None);
                        }
                        _ => {}
                    }
                }
            }
        }
        for word in texts.into_values().flatten().flat_map(|text| words::counted(&text)) {
            *numbers.words.entry(word).or_default() += 1;
        }
        numbers
    }
}

fn deleted(number: u64) -> room::Event {
    let facts = facts(number, "x", &[]);
    room::Event::MessageDeleted(MessageDeleted {
        number,
        author: facts.author.clone(),
        sent_at: facts.sent_at,
        reply_to: None,
        deleted_by: facts.author,
        deleted_at: moment(900),
    })
}

/// Appends a life of messages, edits, deletions, claims and registrations; which, says the seed.
async fn live(log: &dyn Log, seed: u64) {
    let mut state = seed | 1;
    let mut draw = |below: u64| {
        // xorshift64*: good enough to mix, and the same everywhere.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below
    };
    let texts = ["tea and cake", "학교에서 만나요", "the kernel panics", "ㅋㅋㅋㅋ 좋아요", "tea", "친구가 학교에 왔어"];
    let mut users = Owner::of(log, EventTopic::Users).await;
    for number in 0..10 {
        let name = format!("p{number}");
        let registered = Profile { registered_at: moment(number * 37), ..profile(&name) };
        users.event(of_user(&name, user::Event::Registered(registered))).await;
    }
    let mut rooms = Owner::of(log, EventTopic::Rooms).await;
    for room in 1..=3 {
        rooms.event(created(room, "room", &["olga"])).await;
    }
    let mut last = [0_u64; 4];
    for _ in 0..400 {
        let room = draw(3) + 1;
        let said = &mut last[usize::try_from(room).unwrap()];
        let text = texts[usize::try_from(draw(6)).unwrap()];
        match draw(10) {
            0..=5 => {
                *said += 1;
                rooms.event(sent(room.into(), *said, text, &[])).await;
            }
            6..=7 if *said > 0 => {
                rooms.event(edited(room.into(), draw(*said) + 1, text, &[])).await;
            }
            8 if *said > 0 => {
                rooms.event(of_room(room.into(), deleted(draw(*said) + 1))).await;
            }
            9 => {
                rooms.claim().await;
            }
            _ => {
                rooms.barrier().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_counts_what_the_log_holds_after_kills_replays_edits_and_deletions() {
    for seed in [1, 20_261_125] {
        let stage = Stage::new();
        live(&*stage.log, seed).await;
        let index = sqlite::open(&stage.file("search.sqlite")).await.unwrap();
        // Killed in the middle again and again: an abort ends it between any two steps.
        for _ in 0..5 {
            let running = Running::start(&stage, Arc::clone(&index), 7).await;
            let moved = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
                partitions.values().any(|progress| progress.checkpoint.is_some_and(|at| at.next_offset > 0))
            };
            tokio::time::timeout(PATIENCE, running.status.wait_for(moved)).await.unwrap();
            running.task.abort();
            assert!(running.task.await.unwrap_err().is_cancelled());
        }
        let running = Running::start(&stage, Arc::clone(&index), 1_000).await;
        running.catch_up(&*stage.log).await;
        running.stop().await;
        let (counted, expected) = (Numbers::of_index(&*index).await, Numbers::of_log(&*stage.log).await);
        assert!(expected.words.len() > 5 && expected.messages.iter().sum::<u64>() > 100, "there is something to count");
        assert_eq!(counted, expected, "seed {seed}");

        // The whole log again, from its beginning, into the same index: nothing moves but the checkpoint.
        let before = picture(&*index).await;
        for partition in [USERS, ROOMS] {
            let at = index.checkpoint(partition).await.unwrap();
            index.advance(partition, at, Checkpoint::default()).await.unwrap();
        }
        let running = Running::start(&stage, Arc::clone(&index), 11).await;
        running.catch_up(&*stage.log).await;
        running.stop().await;
        assert_eq!(picture(&*index).await, before, "seed {seed}");

        // And into a fresh one.
        let fresh = sqlite::open(&stage.file("fresh.sqlite")).await.unwrap();
        let running = Running::start(&stage, Arc::clone(&fresh), 13).await;
        running.catch_up(&*stage.log).await;
        running.stop().await;
        assert_eq!(picture(&*fresh).await, before, "seed {seed}");
    }
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
    while search.asked.load(Ordering::SeqCst) < 5 {
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
