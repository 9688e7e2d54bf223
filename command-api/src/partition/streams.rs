//! The streams of one partition as they are *decided*: what is effective in the log, and what this owner has in flight beyond it.
//!
//! Three tiers: *hot* (touched since the last commit, or in flight: must stay), *cool* (a cache bounded in bytes and shared by all
//! partitions of the node), and the local store. Invariants:
//! * a stream is hot from the moment it is touched until the store has come there, however late the store is written;
//! * a hot stream becomes cool only when the store holds everything that the stream has decided, so that cool and stored states
//!   are always effective ones;
//! * when an epoch ends, [`Streams::forget_decided`] drops every hot stream: what was in flight may never have happened.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use domain::acceptance::Sequence;
use domain::envelope::{Envelope, Event, Version};
use domain::relation::Relation;
use domain::room::{Message, Number, Room};
use domain::user::User;
use domain::{RoomId, StreamId, UserId};
use infra::state_store::{Fault, PartitionStore, Row};

use super::rows;
use crate::bus::Standing;

/// The state of one stream.
#[derive(Debug, Clone)]
pub enum State {
    /// A user.
    User(User),
    /// Two people.
    Relation(Relation),
    /// A room without its messages. Boxed: it is many times larger.
    Room(Box<Room>),
}

impl State {
    /// The stream's version.
    pub fn version(&self) -> Version {
        match self {
            Self::User(user) => user.version,
            Self::Relation(relation) => relation.version,
            Self::Room(room) => room.version,
        }
    }

    /// Whether it is a person who registered and has not left.
    pub fn is_active_user(&self) -> bool {
        matches!(self, Self::User(user) if user.profile.is_some() && !user.deactivated)
    }

    /// Whether it is two people between whom a block stands.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Relation(relation) if relation.is_blocked())
    }

    /// How `user` stands to the room; nothing when it does not exist.
    pub fn standing(&self, user: &UserId) -> Option<Standing> {
        match self {
            Self::Room(room) if room.details.is_some() => {
                Some(Standing { role: room.members.get(user).map(|member| member.role), last_number: room.last_number })
            }
            _ => None,
        }
    }

    fn size_bytes(&self) -> usize {
        match self {
            Self::User(user) => 512 + user.muted.len() * 32,
            Self::Relation(_) => 256,
            Self::Room(room) => 768 + room.members.len() * 192,
        }
    }
}

/// The cool tier, shared by all partitions of a node. An entry is taken out when its stream becomes hot.
#[derive(Clone)]
pub struct CoolCache(moka::sync::Cache<(u64, StreamId), Arc<Mutex<Option<State>>>>);

impl CoolCache {
    /// A cache of about `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        // Entries are taken out and put back, never just read: only recency says anything here.
        let weigh = |_: &(u64, StreamId), state: &Arc<Mutex<Option<State>>>| {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            u32::try_from(state.as_ref().map_or(0, State::size_bytes)).unwrap_or(u32::MAX)
        };
        Self(
            moka::sync::Cache::builder()
                .max_capacity(bytes_max)
                .eviction_policy(moka::policy::EvictionPolicy::lru())
                .weigher(weigh)
                .build(),
        )
    }

    fn take(&self, key: &(u64, StreamId)) -> Option<State> {
        self.0.remove(key)?.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A hot value, with the last sequence that touched it.
struct Hot<T> {
    value: T,
    sequence: Sequence,
}

/// The streams of one partition.
pub struct Streams {
    store: PartitionStore,
    cool: CoolCache,
    /// Distinguishes this run's entries in the shared cache from those of an earlier run for the same partition.
    run: u64,
    hot: HashMap<StreamId, Hot<State>>,
    messages: HashMap<(RoomId, Number), Hot<Option<Message>>>,
    /// What to cool down once the store has come to the sequence, in order of sequence.
    cooling: VecDeque<(Sequence, Touched)>,
    /// Streams with an event that cannot be read (rule 15), by their keys.
    unreadable: HashSet<String>,
}

enum Touched {
    Stream(StreamId),
    Message(RoomId, Number),
}

impl Streams {
    /// Streams over `store`.
    pub fn new(store: PartitionStore, cool: CoolCache, run: u64) -> Result<Self, Fault> {
        let unreadable = rows::unreadable(&store)?;
        let (hot, messages, cooling) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Ok(Self { store, cool, run, hot, messages, cooling, unreadable })
    }

    /// Whether the stream holds an event that cannot be read.
    pub fn is_unreadable(&self, stream: &StreamId) -> bool {
        !self.unreadable.is_empty() && self.unreadable.contains(&stream.key())
    }

    /// Marks a stream as unreadable; gives the row that says so.
    pub fn mark_unreadable(&mut self, stream: &str, why: &str) -> Row {
        self.unreadable.insert(stream.to_owned());
        rows::of_unreadable(stream, why)
    }

    /// The decided state of a stream. `sequence` is the last one drawn or folded: it stays hot until the store has come there.
    pub fn state(&mut self, stream: &StreamId, sequence: Sequence) -> Result<&mut State, Fault> {
        use std::collections::hash_map::Entry;
        match self.hot.entry(stream.clone()) {
            Entry::Occupied(entry) => Ok(&mut entry.into_mut().value),
            Entry::Vacant(entry) => {
                let cached = self.cool.take(&(self.run, stream.clone()));
                let value = match (cached, stream) {
                    (Some(state), _) => state,
                    (None, StreamId::User(id)) => State::User(rows::load_user(&self.store, id)?),
                    (None, StreamId::Relation(pair)) => State::Relation(rows::load_relation(&self.store, pair)?),
                    (None, StreamId::Room(id)) => State::Room(Box::new(rows::load_room(&self.store, *id)?)),
                };
                self.cooling.push_back((sequence, Touched::Stream(stream.clone())));
                Ok(&mut entry.insert(Hot { value, sequence }).value)
            }
        }
    }

    /// The decided state of a message.
    pub fn message(&self, room: RoomId, number: Number) -> Result<Option<Message>, Fault> {
        match self.messages.get(&(room, number)) {
            Some(hot) => Ok(hot.value.clone()),
            None => rows::load_message(&self.store, room, number),
        }
    }

    /// Applies an event that was drawn or folded; gives the rows that it changes. `body` is the event's own, as the log has it.
    pub fn apply(&mut self, envelope: &Envelope, body: &[u8]) -> Result<Vec<Row>, Fault> {
        let Envelope { stream, metadata, event } = envelope;
        let (version, sequence) = (metadata.stream_version, metadata.sequence);
        let message = match (stream, event) {
            (StreamId::Room(room), Event::Room(event)) => match event.message_number() {
                // Nothing is looked for under a number that is new.
                Some(number) if event.is_message_sent() => Some((*room, number, Message::evolve(None, event))),
                Some(number) => Some((*room, number, Message::evolve(self.message(*room, number)?, event))),
                None => None,
            },
            _ => None,
        };
        let mut changed = match (self.state(stream, sequence)?, event, stream) {
            (State::User(user), Event::User(event), StreamId::User(id)) => {
                user.evolve(event, version, metadata.command_id);
                vec![rows::of_user(id, user)]
            }
            (State::Relation(relation), Event::Relation(event), StreamId::Relation(pair)) => {
                relation.evolve(event, version);
                vec![rows::of_relation(pair, relation)]
            }
            (State::Room(room), Event::Room(event), StreamId::Room(id)) => {
                room.evolve(event, version);
                rows::of_room(*id, room, event)
            }
            // An event of one aggregate on another one's stream cannot be decoded: the topic decides the stream's kind, and the
            // caller has checked the version. Nothing to apply.
            _ => Vec::new(),
        };
        if let Some(hot) = self.hot.get_mut(stream) {
            hot.sequence = sequence;
        }
        self.cooling.push_back((sequence, Touched::Stream(stream.clone())));
        if let Some((room, number, after)) = message {
            changed.push(match event {
                Event::Room(event) if event.is_message_sent() => rows::of_sent(room, number, body),
                _ => rows::of_message(room, number, after.as_ref()),
            });
            self.messages.insert((room, number), Hot { value: after, sequence });
            self.cooling.push_back((sequence, Touched::Message(room, number)));
        }
        Ok(changed)
    }

    /// The store holds everything up to `stored`: what needs no more than that becomes cool.
    pub fn cool_down(&mut self, stored: Sequence) {
        while self.cooling.front().is_some_and(|(sequence, _)| *sequence <= stored) {
            let Some((_, touched)) = self.cooling.pop_front() else { return };
            match touched {
                Touched::Stream(stream) if self.hot.get(&stream).is_some_and(|hot| hot.sequence <= stored) => {
                    if let Some(hot) = self.hot.remove(&stream) {
                        self.cool.0.insert((self.run, stream), Arc::new(Mutex::new(Some(hot.value))));
                    }
                }
                Touched::Message(room, number)
                    if self.messages.get(&(room, number)).is_some_and(|hot| hot.sequence <= stored) =>
                {
                    self.messages.remove(&(room, number));
                }
                _ => {}
            }
        }
    }

    /// Drops every decided state; the store must hold everything that is effective so far.
    pub fn forget_decided(&mut self) {
        self.hot.clear();
        self.messages.clear();
        self.cooling.clear();
    }
}
