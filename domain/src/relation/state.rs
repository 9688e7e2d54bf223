//! What the stream of two people must remember in order to decide.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::envelope::Version;
use crate::ids::UserId;

/// Two people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relation {
    /// The stream's version; 0 while nothing was ever between them.
    pub version: Version,
    /// How far their friendship is.
    pub friendship: Friendship,
    /// Which of the two block the other.
    pub blocked_by: BTreeSet<UserId>,
}

/// How far a friendship is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Friendship {
    /// None.
    #[default]
    None,
    /// One has asked.
    RequestedBy(UserId),
    /// Both want it.
    Friends,
}

impl Relation {
    /// Whether either of the two blocks the other.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        !self.blocked_by.is_empty()
    }
}
