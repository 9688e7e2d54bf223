//! What a command is, whichever aggregate it is for, and what becomes of it.

mod authority;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use authority::NotAuthorised;

use crate::ids::{CommandHash, CommandId, StreamId, UserId};
use crate::time::Timestamp;
use crate::{relation, room, user};

/// What a token allows beyond acting as its own subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    /// May act on behalf of others, state `sentAt`, and is exempt from rate limits.
    pub import: bool,
    /// May read numbers and envelopes through `/chat/admin`.
    pub admin: bool,
    /// A service of ours: may register users on the internal listener.
    pub service: bool,
}

impl Scope {
    /// Whether the caller may bring a command id that is derived: sagas and imports do, so that a repeat has the same id.
    #[must_use]
    pub const fn may_derive_ids(self) -> bool {
        self.service || self.import
    }
}

/// An imperative request to one stream, which may be refused. Everything `decide` needs that is not in the stream came with it.
///
/// As JSON it goes from the node that took it to the owner, with the caller's own token; the owner checks
/// [`Command::authorise`] again. Unknown fields are refused: half of a newer node's wish must not be executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Command {
    /// The stream it is for.
    pub stream: StreamId,
    /// Who asks.
    pub actor: UserId,
    /// Its id, scoped to the actor.
    pub id: CommandId,
    /// The digest of what it asks for: [`Body::canonical_hash`].
    pub hash: CommandHash,
    /// W3C trace context to carry into the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The saga or request that it belongs to; the command's own id where it begins something.
    pub correlation_id: uuid::Uuid,
    /// The event or command that caused it, if another one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<uuid::Uuid>,
    /// What is asked.
    pub body: Body,
}

/// What is asked, by aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// Of a user.
    User(user::Command),
    /// Of two people.
    Relation(relation::Command),
    /// Of a room.
    Room(room::Command),
}

impl Body {
    /// The digest of what is asked of `stream`, without what the edge adds on its own: facts of other streams and candidates
    /// for mentions may differ from one attempt to the next, and a repeat must still be recognised as one.
    ///
    /// It is stored in the log and compared for as long as the idempotency window lasts, so it must not change between versions
    /// of this program: optional fields that are absent leave no trace, and a test holds known digests.
    #[must_use]
    pub fn canonical_hash(&self, stream: &StreamId) -> CommandHash {
        let mut canonical = stream.to_string().into_bytes();
        // Cannot stand in any stream id, so the parts cannot run into each other.
        canonical.push(0);
        // Our own types always serialise: their maps have string keys and no serialiser of theirs fails.
        canonical.extend(serde_json::to_vec(self.as_asked().as_ref()).unwrap_or_default());
        CommandHash::of(&canonical)
    }

    /// What the client asked for.
    fn as_asked(&self) -> Cow<'_, Self> {
        let command = match self {
            Self::User(_) => return Cow::Borrowed(self),
            Self::Relation(command) => return Cow::Owned(Self::Relation(command.as_asked())),
            Self::Room(command) => command,
        };
        let mut command = match command {
            room::Command::Create { .. } | room::Command::AddMembers { .. } => command.clone(),
            room::Command::SendMessage { mentions, facts, .. } | room::Command::EditMessage { mentions, facts, .. }
                if !mentions.is_empty() || !facts.is_empty() =>
            {
                command.clone()
            }
            _ => return Cow::Borrowed(self),
        };
        match &mut command {
            room::Command::Create { facts, .. } | room::Command::AddMembers { facts, .. } => *facts = Facts::default(),
            room::Command::SendMessage { mentions, facts, .. } | room::Command::EditMessage { mentions, facts, .. } => {
                mentions.clear();
                *facts = Facts::default();
            }
            _ => {}
        }
        Cow::Owned(Self::Room(command))
    }
}

/// Facts of other streams, gathered at the edge from their owners shortly before. Their staleness is at most the edge's cache
/// time (stated in `docs/protocol.md`); what must hold later too is carried over by a process manager.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Those of the people named by the command who exist and are active.
    pub active_users: BTreeSet<UserId>,
    /// Those of the people named by the command with whom the actor stands in a block, whoever of the two set it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked_users: BTreeSet<UserId>,
}

impl Facts {
    /// Whether they say nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The moment and the person of a decision.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who asks.
    pub actor: &'a UserId,
    /// The command's id.
    pub command: CommandId,
    /// The decision's time; becomes the event's `ce_time`.
    pub now: Timestamp,
}

/// What `decide` yields when it does not refuse: at most one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<E> {
    /// This becomes true.
    Event(E),
    /// It is true already; nothing is written.
    AlreadySo,
}

/// A business "no", by aggregate. It leaves no event, and is decided anew each time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// A user refused.
    #[error(transparent)]
    User(#[from] user::Refusal),
    /// Two people's relation refused.
    #[error(transparent)]
    Relation(#[from] relation::Refusal),
    /// A room refused.
    #[error(transparent)]
    Room(#[from] room::Refusal),
}

impl Refusal {
    /// The stable code: what clients branch on, and what the table of problem codes is made of.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::User(refusal) => refusal.code(),
            Self::Relation(refusal) => refusal.code(),
            Self::Room(refusal) => refusal.code(),
        }
    }

    /// What kind of "no" it is, for the one mapping to HTTP.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::User(refusal) => refusal.kind(),
            Self::Relation(refusal) => refusal.kind(),
            Self::Room(refusal) => refusal.kind(),
        }
    }
}

/// The kinds of "no".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// There is no such thing, or the actor may not know that there is (404).
    NotFound,
    /// The actor may not do that (403).
    Forbidden,
    /// The state does not allow it (409).
    Conflict,
    /// A value is valid in form but not in meaning (422).
    Invalid,
}
