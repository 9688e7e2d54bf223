//! What can happen between two people.

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::time::Timestamp;

/// A fact about two people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `sarangbang.relation.friend-requested.v1`
    FriendRequested(Step),
    /// `sarangbang.relation.friend-accepted.v1`
    FriendAccepted(Step),
    /// `sarangbang.relation.friend-declined.v1`: by the one who was asked, or taken back by the one who asked.
    FriendDeclined(Step),
    /// `sarangbang.relation.friend-removed.v1`
    FriendRemoved(Step),
    /// `sarangbang.relation.blocked.v1`
    Blocked(Blocked),
    /// `sarangbang.relation.unblocked.v1`
    Unblocked(Unblocked),
}

/// Who did it to whom, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Who did it.
    pub by: UserId,
    /// The other one.
    pub other: UserId,
    /// When.
    pub at: Timestamp,
}

/// One has blocked the other. Friendship and requests between them are over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// Who blocks whom.
    #[serde(flatten)]
    pub step: Step,
    /// Whether the other one had blocked before, so that a reader needs no history.
    pub mutual: bool,
}

/// One has taken the block back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unblocked {
    /// Who no longer blocks whom.
    #[serde(flatten)]
    pub step: Step,
    /// Whether the other one's block still stands, so that a reader needs no history.
    pub still_blocked: bool,
}

impl Event {
    /// Who did it to whom, and when.
    #[must_use]
    pub const fn step(&self) -> &Step {
        match self {
            Self::FriendRequested(step) | Self::FriendAccepted(step) | Self::FriendDeclined(step) | Self::FriendRemoved(step) => {
                step
            }
            Self::Blocked(blocked) => &blocked.step,
            Self::Unblocked(unblocked) => &unblocked.step,
        }
    }
}
