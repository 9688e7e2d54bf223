//! The frames of the live feed: JSON text, told apart by `type`. The whole protocol is in this file.
//!
//! `room`, `member` and `message` frames form a chain within a room: `previousVersion` is the version that the client got last,
//! so a client that checks it knows that nothing is missing. Each is an upsert: applying one twice changes nothing. `read` and
//! `typing` and `presence` have no version and no order; they may be lost. After `resync` or an `error` with `room`, that room's subscription
//! is over. A client ignores types and fields that it does not know.

use axum::extract::ws::Utf8Bytes;
use domain::{RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::dto::{Membership, Message, PersonPresence, PresenceState, RoomDetails};

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientFrame {
    /// Follow a room: from now on, or from the version that the client has. A second one for a room replaces the first.
    Subscribe {
        /// Which room.
        room: RoomId,
        /// The version that the client has; absent to start at the present.
        #[serde(default)]
        after_version: Option<u64>,
    },
    /// Follow it no more. Not answered; frames that are on their way may still come.
    Unsubscribe {
        /// Which room.
        room: RoomId,
    },
    /// The person types in a room that they subscribed to and are a member of. Not answered.
    Typing {
        /// Which room.
        room: RoomId,
    },
    /// Take part in presence: be shown to friends as this, and be shown friends, now and whenever it changes. To be said again with
    /// each change; a socket that never says it shows nobody and is shown nobody. Not answered.
    Presence {
        /// How.
        state: Shown,
    },
    /// Answered by `pong`.
    Ping {},
    /// Go on with a new token of the same person. Answered by `authenticated`.
    Authenticate {
        /// The new token.
        token: Secret,
    },
}

/// How a client shows its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// Somebody looks at the page.
    Online,
    /// Nobody does.
    Away,
}

impl std::convert::From<Shown> for PresenceState {
    fn from(shown: Shown) -> Self {
        match shown {
            Shown::Online => Self::Online,
            Shown::Away => Self::Away,
        }
    }
}

/// A token that no log shows.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The subscription stands; the chain goes on from `version`. What the client had missed follows as ordinary frames.
    Subscribed {
        /// Which room.
        room: RoomId,
        /// The `afterVersion` that was asked for; without one, the room's version now.
        version: u64,
    },
    /// A message was sent, edited, deleted or reacted to: here it is as it is now.
    Message {
        /// Which room.
        room: RoomId,
        /// The version before.
        previous_version: u64,
        /// The version now.
        version: u64,
        /// The message.
        message: Message,
    },
    /// The room's details changed: here they are.
    Room {
        /// Which room.
        room: RoomId,
        /// The version before.
        previous_version: u64,
        /// The version now.
        version: u64,
        /// The details.
        details: RoomDetails,
        /// The first members, when the room was made.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        members: Vec<Membership>,
    },
    /// Memberships changed: people came, went, or have another role.
    Member {
        /// Which room.
        room: RoomId,
        /// The version before.
        previous_version: u64,
        /// The version now.
        version: u64,
        /// The memberships as they are now.
        members: Vec<Membership>,
    },
    /// Somebody has read up to a message.
    Read {
        /// Which room.
        room: RoomId,
        /// Who.
        user_id: UserId,
        /// The number of the last message they read.
        number: u64,
    },
    /// Somebody types. To be shown for a few seconds.
    Typing {
        /// Which room.
        room: RoomId,
        /// Who.
        user_id: UserId,
        /// When they did.
        at: Timestamp,
    },
    /// How friends are to be found: those who are there when the socket begins to take part, and then each change.
    Presence {
        /// Who, and how.
        people: Vec<PersonPresence>,
    },
    /// Continuity cannot be given, and the subscription is over: read the room anew, then subscribe.
    Resync {
        /// Which room.
        room: RoomId,
        /// Why.
        reason: ResyncReason,
    },
    /// Something is wrong. With a `room`, it concerns that subscription, which is over or was refused.
    Error {
        /// What, for programs.
        code: ErrorCode,
        /// What, for people.
        detail: &'static str,
        /// Which room, if one.
        #[serde(skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
    },
    /// The answer to `authenticate`.
    Authenticated {
        /// Until when the socket may stay open.
        expires_at: Timestamp,
    },
    /// The answer to `ping`.
    Pong {},
}

/// Why a client must read a room anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResyncReason {
    /// More has changed than one answer holds.
    TooFarBehind,
    /// The read model did not come far enough in time. Wait a little.
    ReadModelBehind,
    /// The client has a version that this room has not reached: it has seen another history.
    VersionUnknown,
    /// The log could not be followed without a gap.
    FeedInterrupted,
    /// An event cannot be read by this version of the program.
    EventUnreadable,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The frame is no JSON of this protocol.
    Malformed,
    /// There is no such room, or the person may not see it.
    RoomNotFound,
    /// The person is no longer a member; the subscription is over.
    Removed,
    /// The socket has as many subscriptions as it may have.
    TooManySubscriptions,
    /// That room is not subscribed to (yet).
    NotSubscribed,
    /// Only members may do that.
    NotAMember,
    /// The token is not valid, or is another person's.
    TokenRefused,
    /// The read model or the log cannot be reached now.
    Unavailable,
    /// The socket closes: see its close code.
    Closing,
}

impl ResyncReason {
    /// The metric's label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::TooFarBehind => "too-far-behind",
            Self::ReadModelBehind => "read-model-behind",
            Self::VersionUnknown => "version-unknown",
            Self::FeedInterrupted => "feed-interrupted",
            Self::EventUnreadable => "event-unreadable",
        }
    }
}

impl ErrorCode {
    /// The sentence that goes with the code.
    const fn detail(self) -> &'static str {
        match self {
            Self::Malformed => "the frame is no JSON of this protocol",
            Self::RoomNotFound => "there is no such room",
            Self::Removed => "you are no longer a member of this room",
            Self::TooManySubscriptions => "this socket has as many subscriptions as it may have",
            Self::NotSubscribed => "this room is not subscribed to",
            Self::NotAMember => "only members may do this",
            Self::TokenRefused => "the token is not valid for this socket",
            Self::Unavailable => "this cannot be done at present; try again",
            Self::Closing => "the server closes this socket; its close code says why",
        }
    }
}

impl ServerFrame {
    /// An `error` frame about the socket.
    #[must_use]
    pub const fn error(code: ErrorCode) -> Self {
        Self::Error { code, detail: code.detail(), room: None }
    }

    /// An `error` frame about one room's subscription.
    #[must_use]
    pub const fn room_error(code: ErrorCode, room: RoomId) -> Self {
        Self::Error { code, detail: code.detail(), room: Some(room) }
    }

    /// The text that goes over the wire.
    #[must_use]
    pub fn to_text(&self) -> Utf8Bytes {
        // Our own types always serialise: their maps have string keys and no serialiser of theirs fails.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// From the client.
    Client,
    /// From the server.
    Server,
}

/// Every frame of the protocol: who says it, its `type`, and an example. The AsyncAPI document is checked against this table,
/// and the table against the code.
pub const FRAMES: &[(From, &str, &str)] = &[
    (From::Client, "subscribe", r#"{"type":"subscribe","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","afterVersion":811}"#),
    (From::Client, "unsubscribe", r#"{"type":"unsubscribe","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b"}"#),
    (From::Client, "typing", r#"{"type":"typing","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b"}"#),
    (From::Client, "presence", r#"{"type":"presence","state":"away"}"#),
    (From::Client, "ping", r#"{"type":"ping"}"#),
    (From::Client, "authenticate", r#"{"type":"authenticate","token":"eyJhbGciOiJFZERTQSJ9.e30.c2ln"}"#),
    (From::Server, "subscribed", r#"{"type":"subscribed","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","version":811}"#),
    (
        From::Server,
        "message",
        r#"{"type":"message","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","previousVersion":811,"version":812,"message":{"roomId":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","number":640,"author":"ann","sentAt":"2026-11-22T14:03:07.125Z","text":"Hello, @bob","replyTo":639,"mentions":["bob"],"reactions":[{"emoji":"👍","count":2,"mine":true}],"version":812}}"#,
    ),
    (
        From::Server,
        "room",
        r#"{"type":"room","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","previousVersion":812,"version":813,"details":{"roomId":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","kind":"public","status":"open","name":"kitchen","topic":"","createdBy":"ann","createdAt":"2026-11-22T14:00:00.000Z"}}"#,
    ),
    (
        From::Server,
        "member",
        r#"{"type":"member","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","previousVersion":813,"version":814,"members":[{"userId":"bob","role":"moderator","joinedAt":"2026-11-22T14:01:00.000Z"},{"userId":"cid","role":null}]}"#,
    ),
    (From::Server, "read", r#"{"type":"read","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","userId":"bob","number":640}"#),
    (
        From::Server,
        "typing",
        r#"{"type":"typing","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","userId":"bob","at":"2026-11-22T14:03:09.000Z"}"#,
    ),
    (
        From::Server,
        "presence",
        r#"{"type":"presence","people":[{"userId":"bob","state":"online"},{"userId":"cid","state":"offline","lastSeenAt":"2026-11-22T14:03:09.000Z"}]}"#,
    ),
    (From::Server, "resync", r#"{"type":"resync","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","reason":"too-far-behind"}"#),
    (
        From::Server,
        "error",
        r#"{"type":"error","code":"room-not-found","detail":"there is no such room","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b"}"#,
    ),
    (From::Server, "authenticated", r#"{"type":"authenticated","expiresAt":"2026-11-22T15:03:07.125Z"}"#),
    (From::Server, "pong", r#"{"type":"pong"}"#),
];

#[cfg(test)]
mod tests;
