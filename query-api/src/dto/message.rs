//! Messages, their reactions, and mentions.

use std::collections::{BTreeMap, BTreeSet};

use domain::room::{MessageDeleted, MessageFacts};
use domain::{RoomId, Timestamp, UserId};
use infra::read_model::{MentionView, MessageView};
use serde::Serialize;
use utoipa::ToSchema;

/// One message as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its room.
    #[schema(value_type = Uuid)]
    pub room_id: RoomId,
    /// Its number in the room, dense from 1.
    pub number: u64,
    /// Who wrote it.
    #[schema(value_type = String)]
    pub author: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// The text; null once it is deleted.
    #[schema(required = true)]
    pub text: Option<String>,
    /// In reply to which number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<u64>,
    /// Members whom the text mentions.
    #[schema(value_type = Vec<String>)]
    pub mentions: Vec<UserId>,
    /// When the text last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deleted_at: Option<Timestamp>,
    /// Reactions by emoji: most frequent first, then by the emoji itself. None once it is deleted.
    pub reactions: Vec<Reaction>,
    /// The room version of its last change.
    pub version: u64,
}

/// How people reacted with one emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many people.
    pub count: u64,
    /// Whether the one who asks is among them.
    pub mine: bool,
}

/// Where the one who asks was mentioned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mention {
    /// The message.
    pub message: Message,
    /// The name of its room; null for a direct room.
    #[schema(required = true)]
    pub room_name: Option<String>,
}

impl From<MessageView> for Message {
    fn from(view: MessageView) -> Self {
        let deleted = view.deleted_at.is_some();
        let reactions = view.reactions.into_iter().map(|r| Reaction { emoji: r.emoji, count: r.count, mine: r.mine });
        let mut message = Self {
            room_id: view.room,
            number: view.number,
            author: view.author,
            sent_at: view.sent_at,
            text: view.text.filter(|_| !deleted),
            reply_to: view.reply_to,
            mentions: if deleted { Vec::new() } else { view.mentions },
            edited_at: view.edited_at.filter(|_| !deleted),
            deleted_at: view.deleted_at,
            reactions: if deleted { Vec::new() } else { reactions.collect() },
            version: view.version,
        };
        order(&mut message.reactions);
        message
    }
}

impl From<MentionView> for Mention {
    fn from(view: MentionView) -> Self {
        Self { message: view.message.into(), room_name: view.room_name }
    }
}

impl Message {
    /// The message that an event tells of, without reactions.
    #[must_use]
    pub fn of_facts(room: RoomId, facts: MessageFacts, version: u64) -> Self {
        Self {
            room_id: room,
            number: facts.number,
            author: facts.author,
            sent_at: facts.sent_at,
            text: Some(facts.personal.text.as_str().to_owned()),
            reply_to: facts.reply_to,
            mentions: facts.mentions,
            edited_at: facts.edited_at,
            deleted_at: None,
            reactions: Vec::new(),
            version,
        }
    }

    /// What remains of a deleted message: the same fields that the read model's row keeps.
    #[must_use]
    pub fn of_deleted(room: RoomId, deleted: MessageDeleted, version: u64) -> Self {
        Self {
            room_id: room,
            number: deleted.number,
            author: deleted.author,
            sent_at: deleted.sent_at,
            text: None,
            reply_to: deleted.reply_to,
            mentions: Vec::new(),
            edited_at: None,
            deleted_at: Some(deleted.deleted_at),
            reactions: Vec::new(),
            version,
        }
    }
}

/// Who reacted how to one message. What people see of it differs in `mine` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reactors(BTreeMap<String, BTreeSet<UserId>>);

impl FromIterator<(String, UserId)> for Reactors {
    fn from_iter<I: IntoIterator<Item = (String, UserId)>>(rows: I) -> Self {
        let mut by_emoji: BTreeMap<String, BTreeSet<UserId>> = BTreeMap::new();
        for (emoji, user) in rows {
            by_emoji.entry(emoji).or_default().insert(user);
        }
        Self(by_emoji)
    }
}

impl Reactors {
    /// The reactions as somebody sees them whose own are `mine`.
    #[must_use]
    pub fn seen_with(&self, mine: &BTreeSet<&str>) -> Vec<Reaction> {
        let mut reactions: Vec<_> = self
            .0
            .iter()
            .map(|(emoji, users)| Reaction {
                emoji: emoji.clone(),
                count: users.len() as u64,
                mine: mine.contains(emoji.as_str()),
            })
            .collect();
        order(&mut reactions);
        reactions
    }

    /// The people who react, grouped by their set of emojis: each group sees the same.
    #[must_use]
    pub fn groups(&self) -> BTreeMap<BTreeSet<&str>, Vec<&UserId>> {
        let mut by_user: BTreeMap<&UserId, BTreeSet<&str>> = BTreeMap::new();
        for (emoji, users) in &self.0 {
            for user in users {
                by_user.entry(user).or_default().insert(emoji);
            }
        }
        let mut groups: BTreeMap<BTreeSet<&str>, Vec<&UserId>> = BTreeMap::new();
        for (user, emojis) in by_user {
            groups.entry(emojis).or_default().push(user);
        }
        groups
    }
}

/// The one order of reactions, so that a frame and a query say the same.
fn order(reactions: &mut [Reaction]) {
    reactions.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.emoji.cmp(&b.emoji)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_with_the_same_reactions_see_the_same() {
        let user = |id| UserId::parse(id).unwrap();
        let reactors: Reactors = [("b", "ann"), ("b", "bob"), ("a", "ann"), ("a", "bob"), ("a", "cid")]
            .map(|(e, u)| (e.to_owned(), user(u)))
            .into_iter()
            .collect();
        let groups = reactors.groups();
        assert_eq!(groups.len(), 2);
        let seen = reactors.seen_with(&BTreeSet::from(["b"]));
        let seen: Vec<_> = seen.iter().map(|r| (r.emoji.as_str(), r.count, r.mine)).collect();
        assert_eq!(seen, [("a", 3, false), ("b", 2, true)]);
    }
}
