//! What a room must remember in order to decide.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Details, Member, MessageFacts, MessagePersonal, Number};
use crate::envelope::Version;
use crate::ids::UserId;
use crate::text::{Emoji, MessageText, stored_emoji};
use crate::time::Timestamp;

/// A room without its messages. `None` details: it does not exist yet.
///
/// Cloning it takes as long as it has members; an owner keeps one and evolves it in place.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its number in the room.
    pub number: Number,
    /// Who wrote it.
    pub author: UserId,
    /// When it was said.
    pub sent_at: Timestamp,
    /// In reply to which message.
    pub reply_to: Option<Number>,
    /// What it says; nothing once it is deleted.
    pub content: Option<Content>,
}

/// What is gone when a message is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The current text.
    pub text: MessageText,
    /// Members whom the text mentions.
    pub mentions: Vec<UserId>,
    /// When the text last changed.
    pub edited_at: Option<Timestamp>,
    /// Who reacted how.
    #[serde(deserialize_with = "stored_reactions")]
    pub reactions: BTreeSet<(Emoji, UserId)>,
}

impl Message {
    /// The facts that events about the message carry; nothing once it is deleted.
    #[must_use]
    pub fn facts(&self) -> Option<MessageFacts> {
        let content = self.content.as_ref()?;
        Some(MessageFacts {
            number: self.number,
            author: self.author.clone(),
            sent_at: self.sent_at,
            reply_to: self.reply_to,
            mentions: content.mentions.clone(),
            edited_at: content.edited_at,
            personal: MessagePersonal { text: content.text.clone() },
        })
    }
}

fn stored_reactions<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeSet<(Emoji, UserId)>, D::Error> {
    #[derive(Deserialize)]
    struct Stored(#[serde(deserialize_with = "stored_emoji")] Emoji, UserId);
    let stored = Vec::<Stored>::deserialize(deserializer)?;
    Ok(stored.into_iter().map(|Stored(emoji, user)| (emoji, user)).collect())
}
