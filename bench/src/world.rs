//! What rows are measured in: a log of its own, a node of command-api over it, and rooms with people who say something.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use command_api::bus::CommandBus;
use command_api::cluster::{Cluster, ClusterOptions};
use domain::command::{Body, Facts};
use domain::ids::{EventTopic, PartitionId};
use domain::room::{self, Kind};
use domain::text::{MessageText, RoomName};
use domain::wire::Record;
use domain::{Command, CommandId, RoomId, Scope, StreamId, Timestamp, UserId};
use infra::clock::SystemClock;
use infra::log::{Log, embedded, kafka};
use infra::random;
use infra::tokens::{Caller, Grant, Signer, Token};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tempfile::TempDir;

use crate::load::{self, Operation};
use crate::row::On;
use crate::scale::Scale;

/// Where the brokers are, for `kafka1` and `kafka3`: what `cargo xtask services` writes into `env`.
pub const KAFKA_VARIABLE: &str = "SARANGBANG_TEST_KAFKA";
/// How many people take part.
const PEOPLE: usize = 1_000;
/// How many of them each room has.
const MEMBERS: usize = 10;
/// How long a token is good for: longer than the bench runs.
const TOKEN_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a node may take to own all of its partitions.
const READY_MAX: Duration = Duration::from_secs(60);
/// Rooms that are made at once.
const ROOMS_IN_FLIGHT: usize = 256;
/// The type of what the pipeline writes for a message.
const MESSAGE_SENT: &str = "sarangbang.room.message-sent.v1";
/// What messages are made of.
const WORDS: [&str; 20] = [
    "the",
    "and",
    "사랑방",
    "tomorrow",
    "ok",
    "I",
    "think",
    "그래서",
    "we",
    "could",
    "meet",
    "at",
    "seven",
    "고마워",
    "no",
    "yes",
    "really",
    "package",
    "update",
    "오늘",
];

/// An empty log for one row, and where it is.
pub struct Place {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The brokers; nothing for the embedded log.
    pub brokers: Option<String>,
    /// What stands before the names of its topics.
    pub prefix: String,
    /// Where anything may be kept while the row is measured: on the disk of `TMPDIR`.
    pub folder: TempDir,
}

/// Opens a log that nobody used before.
///
/// # Errors
/// When it cannot be opened, or nothing says where the brokers are.
pub async fn place(on: On) -> Result<Place> {
    let folder = tempfile::tempdir()?;
    let prefix = format!("bench-{}", random::uuid_v4().simple());
    let (log, brokers) = match on {
        On::Embedded => (embedded::open(&folder.path().join("log"), embedded::Options::default())?, None),
        On::Kafka1 | On::Kafka3 => {
            let brokers = std::env::var(KAFKA_VARIABLE).with_context(|| format!("{KAFKA_VARIABLE} does not name the brokers"))?;
            let options = kafka::Options { prefix: prefix.clone(), ..kafka::Options::new(brokers.clone()) };
            (kafka::connect(options).await?, Some(brokers))
        }
    };
    Ok(Place { log, brokers, prefix, folder })
}

/// A room with some of the people in it.
struct Room {
    id: RoomId,
    members: Vec<usize>,
}

/// A node over an empty log, with rooms.
pub struct World {
    /// The log.
    pub place: Place,
    /// The node.
    pub cluster: Arc<Cluster>,
    callers: Arc<Vec<Caller>>,
    rooms: Vec<Room>,
    popularity: Zipf,
    /// Behind a lock, so that both sides of a row can draw.
    random: Mutex<StdRng>,
}

impl World {
    /// Starts a node and makes rooms: 10,000, or so many that a quick run has them at once.
    ///
    /// # Errors
    /// When node or log fail.
    pub async fn start(on: On, scale: Scale) -> Result<Self> {
        Self::with_rooms(on, scale.pick(10_000, 100)).await
    }

    /// Starts a node and makes so many rooms.
    ///
    /// # Errors
    /// When node or log fail.
    pub async fn with_rooms(on: On, rooms: usize) -> Result<Self> {
        let place = place(on).await?;
        let options = ClusterOptions { state_folder: place.folder.path().join("state"), ..ClusterOptions::default() };
        let cluster = Cluster::start(options, Arc::clone(&place.log), Arc::new(SystemClock)).await?;
        tokio::time::timeout(READY_MAX, async {
            while !cluster.unserved().is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .context("the node did not come to own its partitions")?;
        let callers = (0..PEOPLE).map(caller).collect::<Result<Vec<_>>>()?;
        // The same rooms and texts in every run.
        let random = Mutex::new(StdRng::seed_from_u64(4));
        let popularity = Zipf::new(rooms);
        let mut world = Self { place, cluster, callers: Arc::new(callers), rooms: Vec::new(), popularity, random };
        let commands = (0..rooms).map(|_| world.create_room()).collect::<Result<Vec<_>>>()?;
        load::closed(&world.commands(commands), rooms, ROOMS_IN_FLIGHT).await?;
        Ok(world)
    }

    fn create_room(&mut self) -> Result<(usize, Command)> {
        let members: Vec<usize> = (0..MEMBERS).map(|_| self.random().random_range(0..PEOPLE)).collect();
        let users = members.iter().filter_map(|member| self.callers.get(*member)).map(|caller| caller.user.clone());
        let creator = *members.first().context("a room has members")?;
        let actor = &self.callers.get(creator).context("nobody is there")?.user;
        let id = CommandId::from_uuid(random::uuid_v7());
        let room = RoomId::of_creation(actor, id);
        let body = room::Command::Create {
            kind: Kind::Private,
            name: Some(RoomName::parse("talk")?),
            topic: None,
            members: users.clone().collect(),
            created_at: None,
            facts: Facts { active_users: users.collect(), ..Facts::default() },
        };
        self.rooms.push(Room { id: room, members });
        Ok((creator, command(actor, room, id, body)))
    }

    /// `count` messages of members to their rooms, popular rooms more often (Zipf 0.99).
    ///
    /// # Errors
    /// When there are no rooms.
    pub fn messages(&self, count: usize) -> Result<Arc<Commands>> {
        let drawn: Vec<_> = (0..count).map(|_| self.popularity.draw(&mut self.random())).collect();
        let commands = drawn.into_iter().map(|room| self.message(room)).collect::<Result<Vec<_>>>()?;
        Ok(self.commands(commands))
    }

    /// `count` messages of members to the room at `index`.
    ///
    /// # Errors
    /// When there is no such room.
    pub fn messages_in(&self, index: usize, count: usize) -> Result<Arc<Commands>> {
        let commands = (0..count).map(|_| self.message(index)).collect::<Result<Vec<_>>>()?;
        Ok(self.commands(commands))
    }

    /// `count` messages of members to their rooms, as HTTP requests with tokens of `signer`.
    ///
    /// # Errors
    /// When a token cannot be signed.
    pub fn requests(&self, signer: &Signer, count: usize) -> Result<Vec<Vec<u8>>> {
        let token = |caller: &Caller| Ok(signer.issue(&Grant::person(caller.user.clone(), TOKEN_DURATION))?.token.0);
        let tokens = self.callers.iter().map(token).collect::<Result<Vec<_>>>()?;
        let request = |room| {
            let (author, command) = self.message(room)?;
            let Body::Room(room::Command::SendMessage { text, .. }) = &command.body else { bail!("it is a message") };
            let body = serde_json::json!({ "text": text }).to_string();
            let token = tokens.get(author).context("nobody is there")?;
            let (stream, id, length) = (&command.stream, command.id, body.len());
            Ok(format!(
                "POST /chat/rooms/{stream}/messages HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\nidempotency-key: {id}\r\n\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .into_bytes())
        };
        let drawn: Vec<_> = (0..count).map(|_| self.popularity.draw(&mut self.random())).collect();
        drawn.into_iter().map(request).collect()
    }

    fn message(&self, room: usize) -> Result<(usize, Command)> {
        let room = self.rooms.get(room).context("there is no such room")?;
        let mut random = self.random();
        let author = room.members.get(random.random_range(0..MEMBERS)).copied().context("the room is empty")?;
        let words = random.random_range(2..22);
        let text: Vec<&str> = (0..words).filter_map(|_| WORDS.get(random.random_range(0..WORDS.len())).copied()).collect();
        let text = MessageText::parse(&text.join(" "))?;
        let (mentions, facts) = (Vec::new(), Facts::default());
        let body = room::Command::SendMessage { text, reply_to: None, mentions, facts, sent_at: None };
        let actor = &self.callers.get(author).context("nobody is there")?.user;
        Ok((author, command(actor, room.id, CommandId::from_uuid(random::uuid_v7()), body)))
    }

    fn random(&self) -> MutexGuard<'_, StdRng> {
        self.random.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commands(&self, commands: Vec<(usize, Command)>) -> Arc<Commands> {
        let commands = commands.into_iter().map(|command| Mutex::new(Some(command))).collect();
        Arc::new(Commands { cluster: Arc::clone(&self.cluster), callers: Arc::clone(&self.callers), commands })
    }

    /// The records of messages that stand in the log, at most `count`, with their partitions, mixed as they came.
    ///
    /// # Errors
    /// When the log cannot be read, or holds none.
    pub async fn records(&self, count: usize) -> Result<Vec<(PartitionId, Record)>> {
        let mut records = Vec::new();
        for (of, all) in self.history().await? {
            let messages = all.into_iter().filter(|record| record.header("ce_type") == Some(MESSAGE_SENT));
            records.extend(messages.map(|record| (of, record)));
        }
        ensure!(!records.is_empty(), "there is no message in the log");
        let mut random = self.random();
        for index in (1..records.len()).rev() {
            records.swap(index, random.random_range(0..=index));
        }
        records.truncate(count);
        Ok(records)
    }

    /// All records of the partitions of rooms, in their order.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn history(&self) -> Result<Vec<(PartitionId, Vec<Record>)>> {
        let mut history = Vec::new();
        let log = &self.place.log;
        for number in 0..partitions(&self.place).get() {
            let of = PartitionId { topic: EventTopic::Rooms, number };
            let end = log.end(of.into()).await?;
            let mut tail = log.tail(of.into(), 0).await?;
            let mut records = Vec::new();
            let mut offset = 0;
            while offset < end {
                let read = tail.next(1_000, Duration::from_secs(1)).await?;
                offset = read.last().map_or(end, |last| last.offset + 1);
                records.extend(read.into_iter().map(|stored| stored.record));
            }
            history.push((of, records));
        }
        Ok(history)
    }

    /// Ends the node.
    pub async fn stop(self) {
        self.cluster.stop().await;
    }
}

/// Commands made beforehand, each to be executed once.
pub struct Commands {
    cluster: Arc<Cluster>,
    callers: Arc<Vec<Caller>>,
    commands: Vec<Mutex<Option<(usize, Command)>>>,
}

impl Operation for Commands {
    async fn run(&self, index: usize) -> Result<()> {
        let slot = self.commands.get(index).context("there are no more commands")?;
        let taken = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (caller, command) = taken.context("a command is executed once")?;
        self.cluster.execute(self.callers.get(caller).context("nobody is there")?, command).await?;
        Ok(())
    }
}

/// The person at `index`, with a token that is valid for as long as the bench runs. No row of the pipeline looks at its signature.
fn caller(index: usize) -> Result<Caller> {
    Ok(Caller {
        user: UserId::parse(&format!("person-{index}"))?,
        scope: Scope::default(),
        session: None,
        issued_at: Timestamp::default(),
        expires_at: Timestamp::default(),
        token: Token("none".into()),
    })
}

fn command(actor: &UserId, room: RoomId, id: CommandId, body: room::Command) -> Command {
    let (stream, body) = (StreamId::Room(room), Body::Room(body));
    let hash = body.canonical_hash(&stream);
    let trace = id.as_uuid().simple().to_string();
    let traceparent = Some(format!("00-{trace}-{}-01", trace.get(..16).unwrap_or_default()));
    Command { stream, actor: actor.clone(), id, hash, traceparent, correlation_id: id.as_uuid(), causation_id: None, body }
}

/// Draws ranks as people choose rooms: the share of rank `r` is proportional to `r^-0.99`.
struct Zipf {
    /// Up to each rank, the sum of the weights.
    sums: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        #[expect(clippy::cast_precision_loss, reason = "ranks have few digits")]
        let weight = |rank: usize| (rank as f64).powf(-0.99);
        let sums = (1..=ranks).map(|rank| {
            sum += weight(rank);
            sum
        });
        Self { sums: sums.collect() }
    }

    fn draw(&self, random: &mut StdRng) -> usize {
        let all = self.sums.last().copied().unwrap_or_default();
        let drawn = random.random::<f64>() * all;
        self.sums.partition_point(|sum| *sum <= drawn).min(self.sums.len().saturating_sub(1))
    }
}

/// How many partitions the event topics of `place` have.
pub fn partitions(place: &Place) -> NonZeroU32 {
    place.log.partitions(EventTopic::Rooms.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rank_is_drawn_about_as_often_as_zipf_says() {
        let zipf = Zipf::new(10_000);
        let mut random = StdRng::seed_from_u64(1);
        let first = (0..100_000).filter(|_| zipf.draw(&mut random) == 0).count();
        // 1 / the sum of r^-0.99 over 10,000 ranks is 0.098.
        assert!((9_000..10_600).contains(&first), "{first} of 100,000");
    }
}
