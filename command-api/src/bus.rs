//! The way of a command to the owner of its partition, on this node or another.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use domain::acceptance::Sequence;
use domain::envelope::Version;
use domain::ids::PartitionId;
use domain::room::{Number, Role};
use domain::{Command, Refusal, RoomId, StreamId, Timestamp, UserId};
use infra::tokens::Caller;

/// What became of a command: the same for a repeat as for the first time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The stream's partition: with `sequence`, the read token.
    pub topic: domain::ids::EventTopic,
    /// The partition's number.
    pub partition: u32,
    /// The sequence by which the outcome is visible to readers.
    pub sequence: Sequence,
    /// The stream's version that the command made, or found where nothing had to change.
    pub version: Version,
    /// The message's number, for commands about messages.
    pub number: Option<Number>,
    /// When it was decided.
    pub time: Timestamp,
    /// Whether the command yielded an event; `false` when all was so already.
    pub changed: bool,
}

/// Why a command has no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// A business "no".
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The caller's token does not allow it.
    #[error("the token does not allow this")]
    NotAllowed,
    /// The id was used before, for another request.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// The id is a UUIDv7 older than the window within which repeats are recognised.
    #[error("this idempotency key is older than {window:?}, within which repeats are recognised")]
    KeyTooOld {
        /// The window.
        window: Duration,
    },
    /// The event would be larger than the log takes.
    #[error("the event would have {bytes} bytes; the limit is {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Queues are full.
    #[error("too many commands are waiting")]
    Busy,
    /// No owner can be reached now, or it changed meanwhile; nothing was executed.
    #[error("no owner of {0} can be reached now")]
    NoOwner(PartitionId),
    /// It is not known whether the command was executed: repeat it with the same id to learn its outcome.
    #[error("the outcome is not known yet; repeat the request with the same idempotency key")]
    OutcomeUnknown,
    /// The stream holds an event that this version cannot read; the rest of the partition goes on.
    #[error("the stream {0} holds an event that this version cannot read")]
    StreamUnreadable(StreamId),
}

/// How a person stands to a room, as its owner knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Their role; nothing when they are no member.
    pub role: Option<Role>,
    /// The number of the last message.
    pub last_number: Number,
}

/// Takes commands to the owners of their streams, and asks owners for facts.
#[async_trait]
pub trait CommandBus: Send + Sync + 'static {
    /// Executes `command` once, wherever its owner is, and returns when its outcome is effective in the log.
    async fn execute(&self, caller: &Caller, command: Command) -> Result<Outcome, Fault>;

    /// Which of `users` exist and are active, as their owners know it; up to [`super::bus::FACTS_AGE_MAX`] old.
    async fn active_users(&self, caller: &Caller, users: &[UserId]) -> Result<BTreeSet<UserId>, Fault>;

    /// With which of `others` `user` stands in a block, whoever of the two set it, as the owners of their relations know it now.
    async fn blocked_users(&self, caller: &Caller, user: &UserId, others: &[UserId]) -> Result<BTreeSet<UserId>, Fault>;

    /// How `user` stands to `room`; nothing when there is no such room.
    async fn standing(&self, caller: &Caller, room: RoomId, user: &UserId) -> Result<Option<Standing>, Fault>;
}

/// How old a fact about another stream may be.
pub const FACTS_AGE_MAX: Duration = Duration::from_secs(5);
