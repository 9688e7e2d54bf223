//! What a room must remember in order to decide.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::{Details, Member, MessageFacts, Number};
use crate::envelope::Version;
use crate::ids::UserId;
use crate::text::Emoji;

/// A room without its messages. `None` details: it does not exist yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Room {
    /// The stream's version; 0 before creation.
    pub version: Version,
    /// What it is; nothing before creation.
    pub details: Option<Details>,
    /// Who is in it.
    pub members: BTreeMap<UserId, Member>,
    /// The number of the last message; 0 when there is none.
    pub last_number: Number,
}

/// One message, as far as later commands depend on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its facts; nothing but the author's id remains of interest once it is deleted.
    pub facts: MessageFacts,
    /// Whether it was deleted; its text is then gone from here too (replaced by a single placeholder character).
    pub deleted: bool,
    /// Who reacted how.
    pub reactions: BTreeSet<(Emoji, UserId)>,
}
