//! A log in a folder of its own, nodes over it, and a reader who folds it from the start like anybody else.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use command_api::bus::{CommandBus, Fault, Outcome};
use command_api::cluster::{Cluster, ClusterOptions, internal_router};
use domain::command::{Body, Facts};
use domain::envelope::Envelope;
use domain::ids::{EventTopic, Pair, PartitionId};
use domain::room::{self, Kind};
use domain::text::{MessageText, RoomName, UserName};
use domain::wire::Entry;
use domain::{Command, CommandId, Cursor, RoomId, Scope, StreamId, UserId, Verdict, relation, user};
use infra::clock::SystemClock;
use infra::log::{Log, StoredRecord, TopicPartition, embedded};
use infra::random;
use infra::tokens::{Caller, Grant, Signer};
use tempfile::TempDir;

/// Generous: these machines are slow when everything runs at once.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct World {
    pub folder: TempDir,
    pub log: Arc<dyn Log>,
    signer: Signer,
}

pub struct Node {
    pub cluster: Arc<Cluster>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    pub fn new(partitions: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Self::open_log(&folder, partitions);
        Self { folder, log, signer: Signer::generate("test", Arc::new(SystemClock)).unwrap() }
    }

    fn open_log(folder: &TempDir, partitions: u32) -> Arc<dyn Log> {
        let event_partitions = NonZeroU32::new(partitions).unwrap();
        embedded::open(&folder.path().join("log"), embedded::Options { event_partitions, ..Default::default() }).unwrap()
    }

    /// Everything is closed and the log opened again, as after a restart of the machine.
    pub fn reopen(self, partitions: u32) -> Self {
        let Self { folder, log, signer } = self;
        drop(log);
        let log = Self::open_log(&folder, partitions);
        Self { folder, log, signer }
    }

    pub async fn node(&self, name: &str) -> Node {
        self.node_over(name, Arc::clone(&self.log)).await
    }

    /// A node over a log of the test's own making.
    pub async fn node_over(&self, name: &str, log: Arc<dyn Log>) -> Node {
        self.start(name, log, |_| {}).await
    }

    /// A node with options of its own.
    pub async fn node_with(&self, name: &str, adapt: impl FnOnce(&mut ClusterOptions)) -> Node {
        self.start(name, Arc::clone(&self.log), adapt).await
    }

    /// A node whose local store is in `state_folder`.
    pub async fn node_in(&self, name: &str, log: Arc<dyn Log>, state_folder: &Path) -> Node {
        self.start(name, log, |options| options.state_folder = state_folder.to_owned()).await
    }

    async fn start(&self, name: &str, log: Arc<dyn Log>, adapt: impl FnOnce(&mut ClusterOptions)) -> Node {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let mut options = ClusterOptions {
            node: name.to_owned(),
            internal_url: format!("http://{}", listener.local_addr().unwrap()),
            state_folder: self.folder.path().join(format!("state-{name}")),
            command_timeout: Duration::from_secs(20),
            ..ClusterOptions::default()
        };
        adapt(&mut options);
        let cluster = Cluster::start(options, log, Arc::new(SystemClock)).await.unwrap();
        let router = internal_router(Arc::clone(&cluster), Arc::new(self.signer.verifier()));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Node { cluster, server }
    }

    pub fn caller(&self, name: &str) -> Caller {
        self.caller_with(name, Scope::default())
    }

    pub fn service(&self) -> Caller {
        self.caller_with("test-service", Scope { service: true, ..Scope::default() })
    }

    fn caller_with(&self, name: &str, scope: Scope) -> Caller {
        let mut grant = Grant::person(UserId::parse(name).unwrap(), Duration::from_secs(600));
        grant.scope = scope;
        self.signer.verifier().verify(&self.signer.issue(&grant).unwrap().token.0).unwrap()
    }

    /// What anybody who reads the log from its beginning takes for true.
    pub async fn effective(&self) -> Vec<Envelope> {
        let mut all = Vec::new();
        for topic in EventTopic::ALL {
            for number in 0..self.log.partitions(topic.into()).get() {
                let partition = PartitionId { topic, number };
                let mut cursor = Cursor::default();
                for stored in records(self.log.as_ref(), partition.into()).await {
                    if cursor.accept(stored.record.mark()) == Verdict::Effective
                        && let Entry::Event(envelope) = stored.record.decode(topic).unwrap()
                    {
                        all.push(envelope);
                    }
                }
            }
        }
        all
    }
}

/// Every record of a partition.
pub async fn records(log: &dyn Log, of: TopicPartition) -> Vec<StoredRecord> {
    let end = log.end(of).await.unwrap();
    let mut tail = log.tail(of, 0).await.unwrap();
    let mut all: Vec<StoredRecord> = Vec::new();
    while all.last().map_or(0, |last| last.offset + 1) < end {
        all.extend(tail.next(1_000, PATIENCE).await.unwrap());
    }
    all
}

/// Waits until `condition` holds.
pub async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition().await {
        assert!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Node {
    pub async fn ready(&self) {
        eventually("every partition is served", async || self.cluster.unserved().is_empty()).await;
    }

    pub async fn execute(&self, caller: &Caller, command: Command) -> Result<Outcome, Fault> {
        self.cluster.execute(caller, command).await
    }

    /// Registers people.
    pub async fn register(&self, world: &World, names: &[&str]) {
        for name in names {
            self.execute(&world.service(), register(name, CommandId::derived("register", name))).await.unwrap();
        }
    }

    /// Makes a public room.
    pub async fn room(&self, world: &World, owner: &str) -> RoomId {
        let command = create_room(owner);
        let StreamId::Room(room) = command.stream else { unreachable!("a room is created in its own stream") };
        self.execute(&world.caller(owner), command).await.unwrap();
        room
    }

    pub async fn say(&self, world: &World, room: RoomId, who: &str, text: &str) -> Result<Outcome, Fault> {
        self.execute(&world.caller(who), send(room, who, text, fresh_id())).await
    }
}

pub fn fresh_id() -> CommandId {
    CommandId::from_uuid(random::uuid_v7())
}

fn command(stream: StreamId, actor: &str, id: CommandId, body: Body) -> Command {
    let hash = body.canonical_hash(&stream);
    let actor = UserId::parse(actor).unwrap();
    Command { stream, actor, id, hash, traceparent: None, correlation_id: id.as_uuid(), causation_id: None, body }
}

pub fn register(name: &str, id: CommandId) -> Command {
    let body = user::Command::Register { user_name: UserName::parse(name).unwrap(), registered_at: None };
    command(StreamId::User(UserId::parse(name).unwrap()), name, id, Body::User(body))
}

/// What `who` asks of the relation with `other`.
pub fn relate(who: &str, other: &str, body: relation::Command) -> Command {
    let pair = Pair::of(&UserId::parse(who).unwrap(), &UserId::parse(other).unwrap()).unwrap();
    command(StreamId::Relation(pair), who, fresh_id(), Body::Relation(body))
}

pub fn create_room(owner: &str) -> Command {
    let id = fresh_id();
    let room = RoomId::of_creation(&UserId::parse(owner).unwrap(), id);
    let body = room::Command::Create {
        kind: Kind::Public,
        name: Some(RoomName::parse("talk").unwrap()),
        topic: None,
        members: Vec::new(),
        created_at: None,
        facts: Facts { active_users: [UserId::parse(owner).unwrap()].into(), ..Facts::default() },
    };
    command(StreamId::Room(room), owner, id, Body::Room(body))
}

pub fn send(room: RoomId, who: &str, text: &str, id: CommandId) -> Command {
    let body = room::Command::SendMessage {
        text: MessageText::parse(text).unwrap(),
        reply_to: None,
        mentions: Vec::new(),
        facts: Facts::default(),
        sent_at: None,
    };
    command(StreamId::Room(room), who, id, Body::Room(body))
}

pub fn edit(room: RoomId, who: &str, number: u64, text: &str) -> Command {
    let text = MessageText::parse(text).unwrap();
    let body = room::Command::EditMessage { number, text, mentions: Vec::new(), facts: Facts::default() };
    command(StreamId::Room(room), who, fresh_id(), Body::Room(body))
}
