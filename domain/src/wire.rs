//! The form of the log's records: CloudEvents 1.0, Kafka binary mode, with our extensions in `ce_` headers.
//!
//! A record is judged by its [`Mark`] first ([`Record::mark`] reads three headers and no body); only what is effective is
//! decoded ([`Record::decode`]). What is effective but cannot be decoded is *parked* by readers, and makes the owner refuse its
//! stream: it is a fault of ours, and must neither block a partition nor vanish.
//!
//! Long because one form is written and read here, with the table of its types: what is changed on one side is seen on the other.

use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::acceptance::{Epoch, Mark, Sequence};
use crate::envelope::{Envelope, Event, Metadata};
use crate::ids::{EventTopic, Pair, PartitionId, RoomId, StreamId, UserId};
use crate::{relation, room, upcast, user};

/// The type name of a claim.
pub const CLAIMED: &str = "sarangbang.partition.claimed.v1";
/// The type name of a barrier.
pub const BARRIER: &str = "sarangbang.partition.barrier.v1";

/// How the types of events about two people begin.
const RELATION_TYPES: &str = "sarangbang.relation.";
/// The CloudEvents source of every event.
const SOURCE: &str = "sarangbang";
/// The highest epoch, sequence or version that counts: what the databases' signed 64 bits can hold.
const NUMBER_MAX: u64 = i64::MAX as u64;
/// How much of an unknown type's name an error repeats: it may come from anybody.
const TYPE_CHARACTERS_SHOWN_MAX: usize = 100;
/// The name space of event ids.
const EVENT_IDS: Uuid = Uuid::from_u128(0x7b0c_1d11_95a4_4d0e_8a3a_3f1c_2b60_e1d5);

/// A record as it stands in, or goes into, the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The stream id, or the partition's own id for claims and barriers.
    pub key: Vec<u8>,
    /// The headers in their order.
    pub headers: Vec<(Cow<'static, str>, Vec<u8>)>,
    /// The JSON body.
    pub value: Vec<u8>,
}

/// What a claim says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Random, fresh for each attempt: how a claimant recognises its own claim.
    pub claim_id: Uuid,
    /// The claimant's name.
    pub node: String,
    /// Where its internal listener is.
    pub url: String,
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every entry is an event, and a box would cost an allocation each")]
pub enum Entry {
    /// Somebody claims the partition.
    Claim {
        /// The epoch claimed.
        epoch: Epoch,
        /// By whom.
        claim: Claim,
    },
    /// Takes a sequence and says nothing.
    Barrier,
    /// Something happened.
    Event(Envelope),
}

/// A record that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A header that every event has is missing.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A header's value makes no sense.
    #[error("the header {0} cannot be read")]
    BadHeader(&'static str),
    /// Key, subject, topic and type do not belong together.
    #[error("the record's key, subject, topic and type do not belong together")]
    Misplaced,
    /// No version of this program knows the type.
    #[error("the event type {0:?} is unknown")]
    UnknownType(String),
    /// The body does not fit its type.
    #[error("the body of a {event_type} cannot be read: {reason}")]
    BadBody {
        /// The type.
        event_type: String,
        /// What the JSON reader says, without the text itself.
        reason: String,
    },
}

impl DecodeError {
    pub(crate) fn bad_body(event_type: &str, error: &serde_json::Error) -> Self {
        // The category and place only: a message of serde quotes the text, which is personal.
        let reason = format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column());
        Self::BadBody { event_type: event_type.to_owned(), reason }
    }

    pub(crate) fn unknown_type(event_type: &str) -> Self {
        Self::UnknownType(event_type.chars().take(TYPE_CHARACTERS_SHOWN_MAX).collect())
    }
}

impl Record {
    /// The value of the header `name` as text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }

    /// What the acceptance rule needs to know. Never fails: what is not ours is [`Mark::Foreign`], and so are numbers that no
    /// database could hold.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Headers::of(self).mark()
    }

    /// How many bytes the record takes, near enough to hold it against a limit.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        self.key.len() + self.value.len() + headers
    }

    /// The id of a claim, without decoding anything else.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        (self.header("ce_type") == Some(CLAIMED)).then(|| serde_json::from_slice(&self.value).ok())?
    }

    /// Makes the record of a claim.
    #[must_use]
    pub fn of_claim(partition: PartitionId, epoch: Epoch, claim: &Claim, time: crate::Timestamp) -> Self {
        let id = claim.claim_id;
        let mut record = Self::of_partition(partition, CLAIMED, id, epoch, time);
        record.value = to_json(claim);
        record
    }

    /// Makes the record of a barrier.
    #[must_use]
    pub fn of_barrier(partition: PartitionId, epoch: Epoch, sequence: Sequence, time: crate::Timestamp) -> Self {
        let mut record = Self::of_partition(partition, BARRIER, event_id(partition, epoch, sequence), epoch, time);
        record.push("ce_partitionseq", sequence);
        record.value = b"{}".to_vec();
        record
    }

    fn of_partition(partition: PartitionId, event_type: &str, id: Uuid, epoch: Epoch, time: crate::Timestamp) -> Self {
        let mut record = Self { key: partition.to_string().into_bytes(), ..Self::default() };
        record.push_common(id, event_type, time, &partition);
        record.push("ce_epoch", epoch);
        record
    }

    /// Makes the record of an event.
    #[must_use]
    pub fn of_event(envelope: &Envelope) -> Self {
        let metadata = &envelope.metadata;
        let mut record = Self { key: envelope.stream.key().into_bytes(), headers: Vec::with_capacity(16), ..Self::default() };
        record.push_common(metadata.id, envelope.event.type_name(), metadata.time, &envelope.stream);
        record.push("ce_epoch", metadata.epoch);
        record.push("ce_partitionseq", metadata.sequence);
        record.push("ce_streamversion", metadata.stream_version);
        record.push_uuid("ce_commandid", metadata.command_id.as_uuid());
        record.push("ce_commandhash", metadata.command_hash);
        record.push_text("ce_actor", metadata.actor.as_str());
        record.push_uuid("ce_correlationid", metadata.correlation_id);
        if let Some(cause) = metadata.causation_id {
            record.push_uuid("ce_causationid", cause);
        }
        if let Some(traceparent) = &metadata.traceparent {
            record.push_text("traceparent", traceparent);
        }
        record.value = envelope.event.to_json();
        record
    }

    /// Reads a record that the acceptance rule has let through.
    ///
    /// # Errors
    /// [`DecodeError`] when it is none of ours, or of a later version than this program knows.
    pub fn decode(&self, topic: EventTopic) -> Result<Entry, DecodeError> {
        let event_type = self.header("ce_type").ok_or(DecodeError::MissingHeader("ce_type"))?;
        match event_type {
            CLAIMED => {
                let claim = self
                    .claim()
                    .ok_or_else(|| DecodeError::BadBody { event_type: CLAIMED.to_owned(), reason: "not a claim".to_owned() })?;
                Ok(Entry::Claim { epoch: self.parsed("ce_epoch")?, claim })
            }
            BARRIER => Ok(Entry::Barrier),
            _ => self.decode_event(topic, event_type).map(Entry::Event),
        }
    }

    fn decode_event(&self, topic: EventTopic, event_type: &str) -> Result<Envelope, DecodeError> {
        let headers = Headers::of(self);
        let stream = match topic {
            // Only an event of two people has a pair for its subject: a colon cannot stand in a user id.
            EventTopic::Users if event_type.starts_with(RELATION_TYPES) => StreamId::Relation(headers.subject.parsed::<Pair>()?),
            EventTopic::Users => StreamId::User(headers.subject.parsed::<UserId>()?),
            EventTopic::Rooms => StreamId::Room(headers.subject.parsed::<RoomId>()?),
        };
        let metadata = Metadata {
            id: headers.id.parsed()?,
            time: headers.time.parsed()?,
            epoch: headers.epoch.parsed()?,
            sequence: headers.sequence.parsed()?,
            stream_version: headers.stream_version.parsed()?,
            command_id: headers.command_id.parsed()?,
            command_hash: headers.command_hash.parsed()?,
            actor: headers.actor.parsed()?,
            correlation_id: headers.correlation_id.parsed()?,
            causation_id: headers.causation_id.text().is_some().then(|| headers.causation_id.parsed()).transpose()?,
            traceparent: headers.traceparent.text().map(str::to_owned),
        };
        let event = Event::from_json(event_type, &self.value)?;
        // The log chose the partition by the key and readers file the event under the subject: they must be the same stream.
        if !is_key_of(&self.key, &stream) || !event.belongs_to(&stream) || metadata.stream_version > NUMBER_MAX {
            return Err(DecodeError::Misplaced);
        }
        Ok(Envelope { stream, metadata, event })
    }

    pub(crate) fn parsed<T: FromStr>(&self, name: &'static str) -> Result<T, DecodeError> {
        self.header(name).ok_or(DecodeError::MissingHeader(name))?.parse().map_err(|_| DecodeError::BadHeader(name))
    }

    pub(crate) fn push_common(&mut self, id: Uuid, event_type: &str, time: crate::Timestamp, subject: &dyn Display) {
        self.push_uuid("ce_id", id);
        self.push_text("ce_source", SOURCE);
        self.push_text("ce_specversion", "1.0");
        self.push_text("ce_type", event_type);
        self.push("ce_time", time);
        self.push("ce_subject", subject);
        self.push_text("content-type", "application/json");
    }

    /// Without the machinery of `Display`: an event has fourteen headers.
    fn push_text(&mut self, name: &'static str, value: &str) {
        self.headers.push((Cow::Borrowed(name), value.as_bytes().to_vec()));
    }

    fn push_uuid(&mut self, name: &'static str, value: Uuid) {
        self.push_text(name, value.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    pub(crate) fn push(&mut self, name: &'static str, value: impl Display) {
        self.headers.push((Cow::Borrowed(name), value.to_string().into_bytes()));
    }
}

/// A header's name, and its value if it is there.
#[derive(Clone, Copy)]
struct Header<'a> {
    name: &'static str,
    value: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.value?).ok()
    }

    fn parsed<T: FromStr>(self) -> Result<T, DecodeError> {
        self.text().ok_or(DecodeError::MissingHeader(self.name))?.parse().map_err(|_| DecodeError::BadHeader(self.name))
    }
}

macro_rules! headers {
    ($( $field:ident = $name:literal ),* $(,)?) => {
        /// The headers that are read of every event, found in one pass. Of two with one name the first counts.
        struct Headers<'a> {
            $( $field: Header<'a>, )*
        }

        impl<'a> Headers<'a> {
            fn of(record: &'a Record) -> Self {
                let mut found = Self { $( $field: Header { name: $name, value: None }, )* };
                for (name, value) in &record.headers {
                    let header = match name.as_ref() {
                        $( $name => &mut found.$field, )*
                        _ => continue,
                    };
                    header.value.get_or_insert(value);
                }
                found
            }
        }
    };
}

headers! {
    id = "ce_id",
    event_type = "ce_type",
    time = "ce_time",
    subject = "ce_subject",
    epoch = "ce_epoch",
    sequence = "ce_partitionseq",
    stream_version = "ce_streamversion",
    command_id = "ce_commandid",
    command_hash = "ce_commandhash",
    actor = "ce_actor",
    correlation_id = "ce_correlationid",
    causation_id = "ce_causationid",
    traceparent = "traceparent",
}

impl Headers<'_> {
    fn mark(&self) -> Mark {
        let number = |header: Header<'_>| header.text()?.parse().ok().filter(|number| *number <= NUMBER_MAX);
        let (Some(event_type), Some(epoch)) = (self.event_type.text(), number(self.epoch)) else { return Mark::Foreign };
        if event_type == CLAIMED {
            return Mark::Claim { epoch };
        }
        match number(self.sequence) {
            Some(sequence) => Mark::Numbered { epoch, sequence },
            None => Mark::Foreign,
        }
    }
}

/// Whether `key` is the key of `stream`'s records.
fn is_key_of(key: &[u8], stream: &StreamId) -> bool {
    match stream {
        StreamId::User(user) => key == user.as_str().as_bytes(),
        StreamId::Relation(_) => key == stream.key().as_bytes(),
        StreamId::Room(room) => key == room.as_uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes(),
    }
}

impl Event {
    /// Reads a body by way of `steps`, which lead from old versions to current ones.
    pub(crate) fn from_json_through(steps: &[upcast::Step], event_type: &str, body: &[u8]) -> Result<Self, DecodeError> {
        if let Some(event) = Self::from_current_json(event_type, body) {
            return event;
        }
        let next = |event_type: &str, body: &[u8]| {
            upcast::next(steps, event_type, body).map_err(|error| DecodeError::bad_body(event_type, &error))
        };
        let mut old = next(event_type, body)?;
        // Each step is taken once at most, so that a circle among them ends.
        for _ in steps {
            let Some((next_type, next_body)) = old else { break };
            if let Some(event) = Self::from_current_json(next_type, &next_body) {
                return event;
            }
            old = next(next_type, &next_body)?;
        }
        Err(DecodeError::unknown_type(event_type))
    }

    /// Whether events of this kind belong to streams of the kind of `stream`.
    const fn belongs_to(&self, stream: &StreamId) -> bool {
        matches!(
            (self, stream),
            (Self::User(_), StreamId::User(_)) | (Self::Relation(_), StreamId::Relation(_)) | (Self::Room(_), StreamId::Room(_))
        )
    }
}

/// The id of the event at `(epoch, sequence)` of a partition: never left to chance, so that `decide` and its surroundings stay
/// repeatable.
#[must_use]
pub fn event_id(partition: PartitionId, epoch: Epoch, sequence: Sequence) -> Uuid {
    Uuid::new_v5(&EVENT_IDS, format!("{partition}/{epoch}/{sequence}").as_bytes())
}

/// Our own types always serialise: their maps have string keys and no serialiser of theirs fails.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

macro_rules! event_types {
    ($( $aggregate:ident :: $variant:ident = $name:literal ),* $(,)?) => {
        /// Every event type that this version writes, in the order of `shared/api.md`.
        pub const EVENT_TYPES: &[&str] = &[$($name),*];

        impl Event {
            /// The versioned CloudEvents type.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self {
                    $( event_types!(@pattern $aggregate $variant _body) => $name, )*
                }
            }

            /// The JSON body.
            #[must_use]
            pub fn to_json(&self) -> Vec<u8> {
                match self {
                    $( event_types!(@pattern $aggregate $variant body) => to_json(body), )*
                }
            }

            /// Reads the body of an event of the type `event_type`, whatever its version.
            ///
            /// # Errors
            /// [`DecodeError::UnknownType`] or [`DecodeError::BadBody`].
            pub fn from_json(event_type: &str, body: &[u8]) -> Result<Self, DecodeError> {
                Self::from_json_through(upcast::STEPS, event_type, body)
            }

            /// Reads the body of an event of a type that is current. Nothing when it is not.
            fn from_current_json(event_type: &str, body: &[u8]) -> Option<Result<Self, DecodeError>> {
                let bad = |error: serde_json::Error| DecodeError::bad_body(event_type, &error);
                Some(match event_type {
                    $( $name => serde_json::from_slice(body).map(|body| event_types!(@build $aggregate $variant body)).map_err(bad), )*
                    _ => return None,
                })
            }
        }
    };
    (@pattern user $variant:ident $body:ident) => { Event::User(user::Event::$variant($body)) };
    (@pattern relation $variant:ident $body:ident) => { Event::Relation(relation::Event::$variant($body)) };
    (@pattern room $variant:ident $body:ident) => { Event::Room(room::Event::$variant($body)) };
    (@build user $variant:ident $body:ident) => { Event::User(user::Event::$variant($body)) };
    (@build relation $variant:ident $body:ident) => { Event::Relation(relation::Event::$variant($body)) };
    (@build room $variant:ident $body:ident) => { Event::Room(room::Event::$variant($body)) };
}

event_types! {
    user::Registered = "sarangbang.user.registered.v1",
    user::ProfileChanged = "sarangbang.user.profile-changed.v1",
    user::MuteChanged = "sarangbang.user.mute-changed.v1",
    user::VisibilityChanged = "sarangbang.user.visibility-changed.v1",
    user::Deactivated = "sarangbang.user.deactivated.v1",
    relation::FriendRequested = "sarangbang.relation.friend-requested.v1",
    relation::FriendAccepted = "sarangbang.relation.friend-accepted.v1",
    relation::FriendDeclined = "sarangbang.relation.friend-declined.v1",
    relation::FriendRemoved = "sarangbang.relation.friend-removed.v1",
    relation::Blocked = "sarangbang.relation.blocked.v1",
    relation::Unblocked = "sarangbang.relation.unblocked.v1",
    room::Created = "sarangbang.room.created.v1",
    room::Renamed = "sarangbang.room.renamed.v1",
    room::TopicSet = "sarangbang.room.topic-set.v1",
    room::Archived = "sarangbang.room.archived.v1",
    room::Closed = "sarangbang.room.closed.v1",
    room::Reopened = "sarangbang.room.reopened.v1",
    room::MembersAdded = "sarangbang.room.members-added.v1",
    room::MemberJoined = "sarangbang.room.member-joined.v1",
    room::MemberLeft = "sarangbang.room.member-left.v1",
    room::MemberRemoved = "sarangbang.room.member-removed.v1",
    room::RoleChanged = "sarangbang.room.role-changed.v1",
    room::MessageSent = "sarangbang.room.message-sent.v1",
    room::MessageEdited = "sarangbang.room.message-edited.v1",
    room::MessageDeleted = "sarangbang.room.message-deleted.v1",
    room::ReactionAdded = "sarangbang.room.reaction-added.v1",
    room::ReactionRemoved = "sarangbang.room.reaction-removed.v1",
}
