//! A command-api without a log: commands are decided by the domain, on a world that begins anew with every input.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use command_api::bus::{CommandBus, Fault, Outcome, Standing};
use command_api::http::{ReadPosition, ReadPositions};
use domain::command::{Body, Context};
use domain::ids::{Pair, PartitionId};
use domain::relation::{self, Relation};
use domain::room::{Details, DetailsPersonal, Kind, Member, Message, Number, Role, Room, Status};
use domain::text::{MessageText, RoomName, Topic, UserName};
use domain::user::User;
use domain::wire::{Entry, Record, event_id};
use domain::{Command, CommandId, Decision, Envelope, Event, Metadata, Refusal, RoomId, StreamId, Timestamp, UserId, room, user};
use infra::log::RECORD_BYTES_MAX;
use infra::tokens::Caller;

/// Who asks.
pub const CALLER: &str = "ann";
/// Who else there is.
const OTHER: &str = "bob";

/// The room that is there.
pub fn room_id() -> RoomId {
    RoomId::of_import("fuzz", "room")
}

/// When everything happens: decisions must not depend on the day of the run.
fn now() -> Timestamp {
    Timestamp::default().saturating_add_millis(1_764_000_000_000)
}

/// The streams as they are.
#[derive(Default)]
struct Streams {
    users: BTreeMap<UserId, User>,
    relations: BTreeMap<Pair, Relation>,
    rooms: BTreeMap<RoomId, Room>,
    messages: BTreeMap<(RoomId, Number), Message>,
}

/// The world.
#[derive(Default)]
pub struct World(Mutex<Streams>);

impl World {
    /// Two people in a room with one message; a third is nobody.
    pub fn reset(&self) {
        let mut streams = Streams::default();
        let (ann, bob) = (UserId::parse(CALLER), UserId::parse(OTHER));
        let (text, name, topic) = (MessageText::parse("hello @bob"), RoomName::parse("room"), Topic::parse(""));
        let (Ok(ann), Ok(bob), Ok(text), Ok(name), Ok(topic)) = (ann, bob, text, name, topic) else {
            panic!("the world cannot be made");
        };
        let personal = DetailsPersonal { name: Some(name), topic };
        let details = Details { kind: Kind::Public, status: Status::Open, created_by: ann.clone(), created_at: now(), personal };
        let member = |user: &UserId, role| (user.clone(), Member { user_id: user.clone(), role, joined_at: now() });
        let members = BTreeMap::from([member(&ann, Role::Owner), member(&bob, Role::Member)]);
        streams.rooms.insert(room_id(), Room { version: 4, details: Some(details), members, last_number: 1 });
        let content = room::Content { text, mentions: vec![bob.clone()], edited_at: None, reactions: BTreeSet::new() };
        let message = Message { number: 1, author: ann.clone(), sent_at: now(), reply_to: None, content: Some(content) };
        streams.messages.insert((room_id(), 1), message);
        for user in [ann, bob] {
            let mut state = User::default();
            let command = CommandId::derived("fuzz", user.as_str());
            let context = Context { actor: &user, command, now: now() };
            if let Ok(Decision::Event(event)) = user::decide(&state, &register(&user), context) {
                state.evolve(&event, 1, command);
            }
            streams.users.insert(user, state);
        }
        *self.streams() = streams;
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn register(user: &UserId) -> user::Command {
    let Ok(user_name) = UserName::parse(user.as_str()) else { panic!("the world cannot be made") };
    user::Command::Register { user_name, registered_at: None }
}

impl Streams {
    fn decide(&self, command: &Command) -> Result<Decision<Event>, Refusal> {
        let context = Context { actor: &command.actor, command: command.id, now: now() };
        match (&command.stream, &command.body) {
            (StreamId::User(id), Body::User(body)) => {
                let state = self.users.get(id).cloned().unwrap_or_default();
                wrap(user::decide(&state, body, context), Event::User)
            }
            (StreamId::Relation(pair), Body::Relation(body)) => {
                let state = self.relations.get(pair).cloned().unwrap_or_default();
                wrap(relation::decide(&state, pair, body, context), Event::Relation)
            }
            (StreamId::Room(id), Body::Room(body)) => {
                let state = self.rooms.get(id).cloned().unwrap_or_default();
                let target = body.target().and_then(|number| self.messages.get(&(*id, number)));
                wrap(room::decide(&state, target, body, context), Event::Room)
            }
            (stream, body) => panic!("the edge made a command of {body:?} for {stream:?}"),
        }
    }

    /// Applies the event; returns the version that it makes.
    fn evolve(&mut self, stream: &StreamId, event: &Event, command: CommandId) -> u64 {
        match (stream, event) {
            (StreamId::User(id), Event::User(event)) => {
                let state = self.users.entry(id.clone()).or_default();
                let version = state.version + 1;
                state.evolve(event, version, command);
                version
            }
            (StreamId::Relation(pair), Event::Relation(event)) => {
                let state = self.relations.entry(pair.clone()).or_default();
                let version = state.version + 1;
                state.evolve(event, version);
                version
            }
            (StreamId::Room(id), Event::Room(event)) => {
                let state = self.rooms.entry(*id).or_default();
                let version = state.version + 1;
                state.evolve(event, version);
                if let Some(number) = event.message_number() {
                    let before = self.messages.remove(&(*id, number));
                    self.messages.extend(Message::evolve(before, event).map(|message| ((*id, number), message)));
                }
                version
            }
            (stream, event) => panic!("{event:?} was decided for {stream:?}"),
        }
    }
}

fn wrap<E, R: Into<Refusal>>(decided: Result<Decision<E>, R>, event: fn(E) -> Event) -> Result<Decision<Event>, Refusal> {
    match decided {
        Ok(Decision::Event(body)) => Ok(Decision::Event(event(body))),
        Ok(Decision::AlreadySo) => Ok(Decision::AlreadySo),
        Err(refusal) => Err(refusal.into()),
    }
}

#[async_trait]
impl CommandBus for World {
    async fn execute(&self, _caller: &Caller, command: Command) -> Result<Outcome, Fault> {
        // As it goes from node to node.
        let forwarded = serde_json::to_vec(&command).ok().and_then(|json| serde_json::from_slice::<Command>(&json).ok());
        assert_eq!(forwarded.as_ref(), Some(&command), "a forwarded command is another");
        assert_eq!(command.body.canonical_hash(&command.stream), command.hash, "the hash is not that of the command");

        let mut streams = self.streams();
        let decision = streams.decide(&command).map_err(Fault::Refused)?;
        let topic = command.stream.topic();
        let (mut version, mut number, changed) = (1, None, matches!(decision, Decision::Event(_)));
        if let Decision::Event(event) = decision {
            version = streams.evolve(&command.stream, &event, command.id);
            if let Event::Room(event) = &event {
                number = event.message_number();
            }
            recorded(&command, version, event)?;
        }
        Ok(Outcome { topic, partition: 0, sequence: 7, version, number, time: now(), changed })
    }

    async fn active_users(&self, _caller: &Caller, users: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        let streams = self.streams();
        Ok(users.iter().filter(|user| streams.users.get(user).is_some_and(User::is_active)).cloned().collect())
    }

    async fn blocked_users(&self, _caller: &Caller, user: &UserId, others: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        let streams = self.streams();
        let blocked = |other: &&UserId| {
            let pair = Pair::of(user, other);
            pair.and_then(|pair| streams.relations.get(&pair)).is_some_and(Relation::is_blocked)
        };
        Ok(others.iter().filter(blocked).cloned().collect())
    }

    async fn standing(&self, _caller: &Caller, room: RoomId, user: &UserId) -> Result<Option<Standing>, Fault> {
        let streams = self.streams();
        let standing = |room: &Room| Standing { role: room.members.get(user).map(|m| m.role), last_number: room.last_number };
        Ok(streams.rooms.get(&room).filter(|room| room.details.is_some()).map(standing))
    }
}

/// What is decided fits into the log and reads back as it was.
fn recorded(command: &Command, version: u64, event: Event) -> Result<(), Fault> {
    let topic = command.stream.topic();
    let metadata = Metadata {
        id: event_id(PartitionId { topic, number: 0 }, 1, 7),
        time: now(),
        epoch: 1,
        sequence: 7,
        stream_version: version,
        command_id: command.id,
        command_hash: command.hash,
        actor: command.actor.clone(),
        correlation_id: command.correlation_id,
        causation_id: command.causation_id,
        traceparent: command.traceparent.clone(),
    };
    let envelope = Envelope { stream: command.stream.clone(), metadata, event };
    let record = Record::of_event(&envelope);
    let bytes = record.size_bytes();
    if bytes > RECORD_BYTES_MAX {
        return Err(Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX });
    }
    assert_eq!(record.decode(topic), Ok(Entry::Event(envelope)), "what was decided reads back as another");
    Ok(())
}

#[async_trait]
impl ReadPositions for World {
    async fn record(&self, position: ReadPosition) -> Result<(), infra::log::Fault> {
        assert!(position.number <= 1_000_000, "beyond the last message: {}", position.number);
        Ok(())
    }
}

/// The world as the routes take it.
pub fn shared() -> Arc<World> {
    Arc::default()
}
