//! Sessions, and the refresh tokens that keep them.

use std::fmt;

use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::Roles;

/// The most sessions that one person has at once: one more ends the oldest.
pub const SESSIONS_MAX: u32 = 50;

/// How long a refresh token that was used is good once more, in milliseconds: two tabs of one browser may renew at once, and an
/// answer may be lost. A thief who is as quick gets a successor too; see [`Rotation::Reused`].
pub const ROTATION_GRACE_MS: i64 = 10_000;
/// The most successors that the tokens of one generation have together.
pub const SUCCESSORS_MAX: i64 = 8;

/// SHA-256 of a refresh token.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(hidden)")
    }
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id, the `sid` of its tokens.
    pub id: Uuid,
    /// Whose.
    pub user: UserId,
    /// The stored password that was verified: if it is another one by now, there is no session.
    pub verified: String,
    /// Of its first refresh token.
    pub digest: Digest,
    /// What the client calls itself, cut to a bounded length.
    pub agent: String,
    /// After this nobody stays signed in without the password.
    pub expires_at: Timestamp,
    /// How older sessions beyond the limit end, and when this one begins.
    pub ended: Ended,
}

/// The end of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which of them.
    pub which: Which,
    /// When.
    pub at: Timestamp,
    /// After this no token that was issued up to now is good anyway.
    pub tokens_until: Timestamp,
}

/// Some of a person's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// This one.
    One(Uuid),
    /// All others.
    AllBut(Uuid),
}

/// A session that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// What the client called itself.
    pub agent: String,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When it was last renewed.
    pub used_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
}

/// What became of a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was good, and its successor is now.
    Rotated {
        /// Whose it is.
        user: UserId,
        /// The session.
        session: Uuid,
        /// What the account may do now.
        roles: Roles,
        /// When the session ends by itself.
        expires_at: Timestamp,
    },
    /// It had been used before, longer ago than the time of grace, or another of its generation was, or a later one: somebody else
    /// has a token of this session. It is ended.
    Reused {
        /// Whose it was.
        user: UserId,
        /// The session.
        session: Uuid,
    },
    /// Its session has ended or expired.
    Over,
    /// Nobody knows it.
    Unknown,
}
