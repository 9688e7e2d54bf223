//! What is counted in the index beside a count made straight from the log, on both adapters: after kills, replays, edits and deletions.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::EventTopic;
use domain::room::{self, MessageDeleted};
use domain::user::Profile;
use domain::wire::Entry;
use domain::{Cursor, Event, Timestamp, Verdict, user};
use infra::elasticsearch::{Client, Method};
use infra::log::{Log, TopicPartition};
use infra::read_model::Checkpoint;
use infra::search::{Measure, Query, Ranking, Rooms, Search, Span, elasticsearch, sqlite, words};

use crate::searching::{Running, query};
use crate::stage::{Owner, PATIENCE, ROOMS, Stage, USERS, created, edited, facts, moment, of_room, of_user, profile, sent};

/// Everything that the index holds, as far as queries show it.
async fn picture(search: &dyn Search) -> String {
    search.refresh().await.unwrap();
    let all = Query { limit: 1_000, ..query("") };
    let hits = search.find(&all).await.unwrap();
    let lines: Vec<String> =
        hits.items.iter().map(|hit| format!("{:?} {} {} {:?}", hit.key, hit.author, hit.text, hit.edited_at)).collect();
    format!("{}\n{:?}", lines.join("\n"), Numbers::of_index(search).await)
}

/// Everything that is counted.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Numbers {
    words: BTreeMap<String, u64>,
    rooms: BTreeMap<String, u64>,
    people: BTreeMap<String, u64>,
    /// Messages and registrations, in buckets of ten seconds.
    messages: Vec<u64>,
    registrations: Vec<u64>,
}

impl Numbers {
    pub fn edges() -> Vec<Timestamp> {
        (0..=20).map(|bucket| moment(bucket * 100)).collect()
    }

    async fn of_index(search: &dyn Search) -> Self {
        search.refresh().await.unwrap();
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
pub async fn live(log: &dyn Log, seed: u64) {
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

/// Where an index is made for a test.
#[async_trait]
trait Place {
    /// Opens the index of this name.
    async fn open(&self, name: &str) -> Arc<dyn Search>;
}

#[async_trait]
impl Place for Stage {
    async fn open(&self, name: &str) -> Arc<dyn Search> {
        sqlite::open(&self.file(&format!("{name}.sqlite"))).await.unwrap()
    }
}

/// A prefix of the test's own on a real cluster.
struct Cluster {
    url: String,
    prefix: String,
}

impl Cluster {
    /// Nothing, with a line that says so, where no cluster is given.
    fn given() -> Option<Self> {
        let url = crate::server("SARANGBANG_TEST_ELASTICSEARCH")?;
        Some(Self { url, prefix: format!("test-{}", infra::random::uuid_v4().simple()) })
    }

    /// Takes away what was made.
    async fn clean(&self) {
        let client = Client::new(&self.url, PATIENCE).unwrap();
        let list = format!("/_cat/indices/{}*?format=json&h=index", self.prefix);
        for row in client.must(Method::Get, &list, None).await.unwrap().as_array().unwrap() {
            client.must(Method::Delete, &format!("/{}", row["index"].as_str().unwrap()), None).await.unwrap();
        }
        client.must(Method::Delete, &format!("/_index_template/{}*", self.prefix), None).await.unwrap();
    }
}

#[async_trait]
impl Place for Cluster {
    async fn open(&self, name: &str) -> Arc<dyn Search> {
        let url = serde_json::from_value(self.url.clone().into()).unwrap();
        let options = elasticsearch::Options::new(url, &format!("{}-{name}", self.prefix));
        elasticsearch::open(&elasticsearch::Options { replicas: 0, ..options }).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_counts_what_the_log_holds_after_kills_replays_edits_and_deletions() {
    for seed in [1, 20_261_125] {
        let stage = Stage::new();
        live(&*stage.log, seed).await;
        the_index_counts_what_the_log_holds(&stage, &stage, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn elasticsearch_counts_what_the_log_holds_after_kills_replays_edits_and_deletions() {
    let Some(cluster) = Cluster::given() else { return };
    let stage = Stage::new();
    live(&*stage.log, 2).await;
    the_index_counts_what_the_log_holds(&stage, &cluster, 2).await;
    cluster.clean().await;
}

async fn the_index_counts_what_the_log_holds(stage: &Stage, place: &impl Place, seed: u64) {
    let index = place.open("search").await;
    // Killed in the middle again and again: an abort ends it between any two steps.
    for _ in 0..5 {
        let running = Running::start(stage, Arc::clone(&index), 7).await;
        let moved = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
            partitions.values().any(|progress| progress.checkpoint.is_some_and(|at| at.next_offset > 0))
        };
        tokio::time::timeout(PATIENCE, running.status.wait_for(moved)).await.unwrap();
        running.task.abort();
        assert!(running.task.await.unwrap_err().is_cancelled());
    }
    let running = Running::start(stage, Arc::clone(&index), 1_000).await;
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
    let running = Running::start(stage, Arc::clone(&index), 11).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert_eq!(picture(&*index).await, before, "seed {seed}");

    // And into a fresh one.
    let fresh = place.open("fresh").await;
    let running = Running::start(stage, Arc::clone(&fresh), 13).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert_eq!(picture(&*fresh).await, before, "seed {seed}");
}
