//! What one of two people can ask of their relation. The other one is named by the stream.

use serde::{Deserialize, Serialize};

use crate::command::Facts;

/// A request to the stream of two people; the actor is one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Ask for friendship, or accept it where the other one has asked.
    Befriend {
        /// Whether the other person exists.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
    },
    /// Decline what the other one asked, take back what oneself asked, or end the friendship.
    Unfriend,
    /// Hear nothing more from the other one.
    Block {
        /// Whether the other person exists.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
    },
    /// Take one's own block back.
    Unblock,
}

impl Command {
    /// What the client asked for, without what the edge adds on its own.
    #[must_use]
    pub fn as_asked(&self) -> Self {
        match self {
            Self::Befriend { .. } => Self::Befriend { facts: Facts::default() },
            Self::Block { .. } => Self::Block { facts: Facts::default() },
            Self::Unfriend => Self::Unfriend,
            Self::Unblock => Self::Unblock,
        }
    }
}
