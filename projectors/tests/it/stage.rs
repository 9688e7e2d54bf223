//! A log with a story in it, projectors that run on it, and a picture of what they made.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{EventTopic, Pair, PartitionId};
use domain::relation::{Blocked, Step, Unblocked};
use domain::room::{
    Details, DetailsPersonal, Kind, Member, MemberGone, MembersAdded, MessageDeleted, MessageEdited, MessageFacts,
    MessagePersonal, MessageSent, Reaction, Role, RoomCreated, Status,
};
use domain::text::{Emoji, MessageText, RoomName, StatusText, Topic as RoomTopic, UserName};
use domain::user::{Deactivated, MuteChanged, Profile, ProfilePersonal, VisibilityChanged};
use domain::wire::{Claim, Record, event_id};
use domain::{CommandHash, CommandId, Envelope, Event, Metadata, RoomId, StreamId, Timestamp, UserId, relation, room, user};
use infra::log::{Log, Offset, Producer, Topic, TopicPartition, embedded};
use infra::read_model::generations::Generations;
use infra::read_model::{Direction, Timeline, sqlite};
use projectors::operations::Operations;
use projectors::{Fault, Options, Projectors, Status as Progress};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::generations::Fixed;

/// How long anything may take before a test gives up: generous, because machines are slow and nothing waits for it in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const USERS: TopicPartition = TopicPartition { topic: Topic::Users, partition: 0 };
pub const ROOMS: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 0 };
pub const READS: TopicPartition = TopicPartition { topic: Topic::Reads, partition: 0 };

pub fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}
pub fn room_id(number: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(number))
}
pub fn moment(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + i64::try_from(ms).unwrap()).unwrap()
}

/// A folder with a log of one partition a topic, and room for timelines.
pub struct Stage {
    folder: tempfile::TempDir,
    pub log: Arc<dyn Log>,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = embedded::Options { event_partitions: NonZeroU32::MIN, ..embedded::Options::default() };
        let log = embedded::open(&folder.path().join("log"), options).unwrap();
        Self { folder, log }
    }

    /// The file of the timeline `name`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub async fn timeline(&self, name: &str) -> Arc<dyn Timeline> {
        sqlite::open(&self.file(name)).await.unwrap()
    }

    pub async fn generations(&self, name: &str) -> Arc<dyn Generations> {
        sqlite::generations(&self.file(&format!("{name}.sqlite"))).await.unwrap()
    }

    /// Projects everything that is there into the timeline `name`, undisturbed, and takes its picture.
    pub async fn projected(&self, name: &str) -> String {
        let timeline = self.timeline(name).await;
        let running = Running::start(&self.log, &timeline, 1_000);
        running.catch_up(&*self.log).await;
        running.stop().await;
        picture(&*timeline).await
    }
}

/// Writes a partition under the protocol, as its owner would.
pub struct Owner {
    producer: Arc<dyn Producer>,
    partition: PartitionId,
    pub epoch: u64,
    pub sequence: u64,
    pub versions: BTreeMap<StreamId, u64>,
}

impl Owner {
    pub async fn of(log: &dyn Log, topic: EventTopic) -> Self {
        let partition = PartitionId { topic, number: 0 };
        let mut owner = Self { producer: log.producer().unwrap(), partition, epoch: 0, sequence: 0, versions: BTreeMap::new() };
        owner.claim().await;
        owner
    }

    /// Another that believes the same.
    fn twin(&self, log: &dyn Log) -> Self {
        Self { producer: log.producer().unwrap(), versions: self.versions.clone(), ..*self }
    }

    pub async fn claim(&mut self) -> Offset {
        self.epoch += 1;
        let claim =
            Claim { claim_id: Uuid::from_u128(self.epoch.into()), node: "test".to_owned(), url: "http://test".to_owned() };
        self.raw(Record::of_claim(self.partition, self.epoch, &claim, moment(0))).await
    }

    pub async fn barrier(&mut self) -> Offset {
        self.sequence += 1;
        self.raw(Record::of_barrier(self.partition, self.epoch, self.sequence, moment(self.sequence))).await
    }

    /// Writes an event that counts.
    pub async fn event(&mut self, event: (StreamId, Event)) -> Offset {
        let envelope = self.next(event);
        self.raw(Record::of_event(&envelope)).await
    }

    /// The envelope of the event that would come next, without writing it.
    pub fn next(&mut self, (stream, event): (StreamId, Event)) -> Envelope {
        self.sequence += 1;
        let version = self.versions.entry(stream.clone()).or_default();
        *version += 1;
        let metadata = Metadata {
            id: event_id(self.partition, self.epoch, self.sequence),
            time: moment(self.sequence),
            epoch: self.epoch,
            sequence: self.sequence,
            stream_version: *version,
            command_id: CommandId::from_uuid(Uuid::from_u128(self.sequence.into())),
            command_hash: CommandHash::of(b"test"),
            actor: id("olga"),
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        };
        Envelope { stream, metadata, event }
    }

    pub async fn raw(&self, record: Record) -> Offset {
        let appending = self.producer.append(TopicPartition::from(self.partition), record).unwrap();
        appending.await.unwrap().expect("the embedded log tells offsets")
    }
}

pub async fn append_read(log: &dyn Log, room: RoomId, who: &str, value: Option<u64>) {
    let key = format!("{room}/{who}").into_bytes();
    let value = value.map_or_else(Vec::new, |number| {
        format!(r#"{{"roomId":"{room}","userId":"{who}","number":{number},"at":"{}"}}"#, moment(number)).into_bytes()
    });
    let record = Record { key, headers: Vec::new(), value };
    log.producer().unwrap().append(READS, record).unwrap().await.unwrap();
}

pub fn of_user(name: &str, event: user::Event) -> (StreamId, Event) {
    (StreamId::User(id(name)), Event::User(event))
}
fn between(by: &str, other: &str, event: impl FnOnce(Step) -> relation::Event) -> (StreamId, Event) {
    let pair = Pair::of(&id(by), &id(other)).unwrap();
    let step = Step { by: id(by), other: id(other), at: moment(6) };
    (StreamId::Relation(pair), Event::Relation(event(step)))
}
pub fn of_room(number: u128, event: room::Event) -> (StreamId, Event) {
    (StreamId::Room(room_id(number)), Event::Room(event))
}
pub fn profile(name: &str) -> Profile {
    let personal = ProfilePersonal { user_name: UserName::parse(name).unwrap(), status_text: StatusText::parse("hi").unwrap() };
    Profile { registered_at: moment(1), personal }
}
pub fn member(name: &str, role: Role) -> Member {
    Member { user_id: id(name), role, joined_at: moment(2) }
}
fn details(kind: Kind, name: &str) -> Details {
    let personal = DetailsPersonal { name: Some(RoomName::parse(name).unwrap()), topic: RoomTopic::parse("").unwrap() };
    Details { kind, status: Status::Open, created_by: id("olga"), created_at: moment(2), personal }
}
pub fn created(number: u128, name: &str, members: &[&str]) -> (StreamId, Event) {
    let members = members.iter().map(|name| member(name, Role::Member)).collect();
    of_room(number, room::Event::Created(RoomCreated { details: details(Kind::Public, name), members }))
}
pub fn facts(number: u64, text: &str, mentions: &[&str]) -> MessageFacts {
    MessageFacts {
        number,
        author: id("olga"),
        sent_at: moment(100 + number),
        reply_to: None,
        mentions: mentions.iter().map(|name| id(name)).collect(),
        edited_at: None,
        personal: MessagePersonal { text: MessageText::parse(text).unwrap() },
    }
}
pub fn sent(room: u128, number: u64, text: &str, mentions: &[&str]) -> (StreamId, Event) {
    of_room(room, room::Event::MessageSent(MessageSent { message: facts(number, text, mentions) }))
}
pub fn edited(room: u128, number: u64, text: &str, dropped: &[&str]) -> (StreamId, Event) {
    let message = MessageFacts { edited_at: Some(moment(500)), ..facts(number, text, &[]) };
    let mentions_dropped = dropped.iter().map(|name| id(name)).collect();
    of_room(room, room::Event::MessageEdited(MessageEdited { message, mentions_dropped }))
}
fn reaction(number: u64, who: &str) -> Reaction {
    Reaction { message: facts(number, "said", &["mia"]), user_id: id(who), emoji: Emoji::parse("👍").unwrap() }
}

/// A story with every kind of event, and with claims, barriers and records that do not count in between.
pub async fn tell_story(log: &dyn Log) {
    let mut users = Owner::of(log, EventTopic::Users).await;
    for name in ["olga", "mia", "milo"] {
        users.event(of_user(name, user::Event::Registered(profile(name)))).await;
    }
    users.event(of_user("mia", user::Event::ProfileChanged(profile("Mia the first")))).await;
    users.event(of_user("mia", user::Event::MuteChanged(MuteChanged { room_id: room_id(1), muted: true }))).await;
    users.event(of_user("mia", user::Event::VisibilityChanged(VisibilityChanged { presence_hidden: true }))).await;
    users.event(between("mia", "olga", relation::Event::FriendRequested)).await;
    users.event(between("olga", "mia", relation::Event::FriendAccepted)).await;
    users.event(between("milo", "olga", relation::Event::FriendRequested)).await;
    users.event(between("olga", "milo", relation::Event::FriendDeclined)).await;
    users.event(between("mia", "milo", |step| relation::Event::Blocked(Blocked { step, mutual: false }))).await;
    users.event(between("milo", "mia", |step| relation::Event::Blocked(Blocked { step, mutual: true }))).await;
    users.event(between("mia", "milo", |step| relation::Event::Unblocked(Unblocked { step, still_blocked: true }))).await;
    users.event(of_user("milo", user::Event::Deactivated(Deactivated { deactivated_at: moment(9) }))).await;

    let mut rooms = Owner::of(log, EventTopic::Rooms).await;
    rooms.event(created(1, "hall", &["olga", "mia"])).await;
    rooms.event(created(2, "attic", &["olga"])).await;
    rooms.barrier().await;
    rooms.event(of_room(1, room::Event::MembersAdded(MembersAdded { members: vec![member("milo", Role::Member)] }))).await;
    rooms.event(sent(1, 1, "said", &["mia"])).await;
    rooms.event(sent(1, 2, "said @milo", &["milo"])).await;
    // A writer that was taken for dead: its epoch ends with the next claim, and what it still writes does not count.
    let stale = Record::of_event(&rooms.twin(log).next(sent(1, 3, "stale", &["mia"])));
    rooms.claim().await;
    rooms.raw(stale.clone()).await;
    rooms.raw(Record { key: b"foreign".to_vec(), headers: Vec::new(), value: b"{}".to_vec() }).await;
    rooms.event(edited(1, 2, "said again", &["milo"])).await;
    rooms.raw(stale).await;
    rooms.event(of_room(1, room::Event::ReactionAdded(reaction(1, "mia")))).await;
    rooms.event(of_room(1, room::Event::ReactionAdded(reaction(1, "milo")))).await;
    rooms.event(of_room(1, room::Event::ReactionRemoved(reaction(1, "mia")))).await;
    rooms.event(of_room(1, room::Event::MemberLeft(MemberGone { user_id: id("milo") }))).await;
    rooms.event(of_room(2, room::Event::MemberJoined(member("mia", Role::Member)))).await;
    rooms.event(of_room(2, room::Event::MemberRemoved(MemberGone { user_id: id("mia") }))).await;
    rooms.event(of_room(2, room::Event::Renamed(details(Kind::Public, "loft")))).await;
    rooms.event(sent(1, 3, "to be deleted @mia", &["mia"])).await;
    let deleted = MessageDeleted {
        number: 3,
        author: id("olga"),
        sent_at: moment(103),
        reply_to: None,
        deleted_by: id("olga"),
        deleted_at: moment(7),
    };
    rooms.event(of_room(1, room::Event::MessageDeleted(deleted))).await;
    rooms.event(of_room(1, room::Event::RoleChanged(member("mia", Role::Owner)))).await;
    rooms.event(sent(2, 1, "alone", &[])).await;
    rooms.barrier().await;
    // Rising, because the topic is compacted: who reads it later finds the last position of each person, who reads it live the
    // highest, and only where the last is the highest are the two the same.
    for (who, number) in [("mia", 1), ("olga", 1), ("mia", 2)] {
        append_read(log, room_id(1), who, Some(number)).await;
    }
}

/// Projectors at work.
pub struct Running {
    pub status: Progress,
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<(), Fault>>,
}

impl Running {
    pub fn start(log: &Arc<dyn Log>, timeline: &Arc<dyn Timeline>, batch_records_max: usize) -> Self {
        let status = Progress::default();
        let options = Options {
            batch_records_max,
            backoff_max: Duration::from_millis(20),
            lag_interval: Duration::from_millis(50),
            status: status.clone(),
            ..Options::default()
        };
        let stop = CancellationToken::new();
        let starting = Projectors::start(options, Arc::clone(log), Arc::new(Fixed(Arc::clone(timeline))));
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            starting.await?.run(stopping).await;
            Ok(())
        });
        Self { status, stop, task }
    }

    /// With all generations of a read model, and what an operator may do with them.
    pub async fn on(log: &Arc<dyn Log>, generations: &Arc<dyn Generations>) -> (Self, Operations) {
        let status = Progress::default();
        let options = Options {
            backoff_max: Duration::from_millis(20),
            lag_interval: Duration::from_millis(50),
            drop_after: Duration::from_millis(100),
            status: status.clone(),
            ..Options::default()
        };
        let stop = CancellationToken::new();
        let projectors = Projectors::start(options, Arc::clone(log), Arc::clone(generations)).await.unwrap();
        let operations = projectors.operations();
        let stopping = stop.clone();
        let task = tokio::spawn(async move {
            projectors.run(stopping).await;
            Ok(())
        });
        (Self { status, stop, task }, operations)
    }

    /// Waits until every partition has come to the log's present end.
    pub async fn catch_up(&self, log: &dyn Log) {
        let mut ends = Vec::new();
        for partition in [USERS, ROOMS, READS] {
            ends.push((partition, log.end(partition).await.unwrap()));
        }
        let there = |partitions: &BTreeMap<TopicPartition, projectors::Progress>| {
            ends.iter().all(|(partition, end)| {
                let checkpoint = partitions.get(partition).and_then(|progress| progress.checkpoint);
                checkpoint.is_some_and(|checkpoint| checkpoint.next_offset >= *end)
            })
        };
        let waited = tokio::time::timeout(PATIENCE, self.status.wait_for(there)).await;
        assert!(waited.is_ok(), "{ends:?} were not reached: {:?}", self.status.partitions());
    }

    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it did not stop").unwrap().unwrap();
    }

    /// Ends it as a crash does: nothing is finished.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Everything that queries show of the story.
pub async fn picture(timeline: &dyn Timeline) -> String {
    let mut lines = Vec::new();
    let people = ["olga", "mia", "milo"].map(id);
    lines.push(format!("{:?}", timeline.users(&people).await.unwrap()));
    for person in &people {
        lines.push(format!("{:?}", timeline.rooms_of(person, None, 100).await.unwrap()));
        lines.push(format!("{:?}", timeline.mentions_of(person, None, 100).await.unwrap()));
        lines.push(format!("{:?}", timeline.friends(person, None, None, 100).await.unwrap()));
        lines.push(format!("{:?}", timeline.blocks(person, None, 100).await.unwrap()));
        lines.push(format!("{:?}", timeline.circle(person, 100).await.unwrap()));
        for room in [1, 2].map(room_id) {
            lines.push(format!("{:?}", timeline.room_for(room, person).await.unwrap()));
            lines.push(format!("{:?}", timeline.messages(room, Direction::After(0), 100, person).await.unwrap()));
            lines.push(format!("{:?}", timeline.changes_after(room, 0, 100, person).await.unwrap()));
        }
    }
    for room in [1, 2].map(room_id) {
        lines.push(format!("{:?}", timeline.members(room, None, 100).await.unwrap()));
        lines.push(format!("{:?}", timeline.reads_of(room, 100).await.unwrap()));
    }
    lines.push(format!("{:?}", timeline.checkpoints().await.unwrap()));
    lines.join("\n")
}
