//! An event with its metadata.

use uuid::Uuid;

use crate::acceptance::{Epoch, Sequence};
use crate::ids::{CommandHash, CommandId, StreamId, UserId};
use crate::time::Timestamp;
use crate::{relation, room, user};

/// A past-tense fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// About a user.
    User(user::Event),
    /// About two people.
    Relation(relation::Event),
    /// About a room.
    Room(room::Event),
}

/// The version of a stream: how many events it has. 0 is a stream that does not exist.
pub type Version = u64;

/// Who, when, why, and where in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// The event's own id: UUIDv5 of the partition, epoch and sequence, so that it never depends on chance.
    pub id: Uuid,
    /// When it was decided, to the millisecond.
    pub time: Timestamp,
    /// The owner's epoch.
    pub epoch: Epoch,
    /// Dense in the partition.
    pub sequence: Sequence,
    /// Dense in the stream: the version that this event makes.
    pub stream_version: Version,
    /// The command that yielded it.
    pub command_id: CommandId,
    /// What that command asked for.
    pub command_hash: CommandHash,
    /// Who asked.
    pub actor: UserId,
    /// What it belongs to.
    pub correlation_id: Uuid,
    /// What caused it.
    pub causation_id: Option<Uuid>,
    /// W3C trace context of the request.
    pub traceparent: Option<String>,
}

/// One effective event of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Who, when, why and where.
    pub metadata: Metadata,
    /// What happened.
    pub event: Event,
}
