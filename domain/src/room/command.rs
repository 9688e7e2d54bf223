//! What can be asked of a room.

use serde::{Deserialize, Serialize};

use super::{Kind, Number, Role};
use crate::command::Facts;
use crate::ids::UserId;
use crate::text::{Emoji, MessageText, RoomName, Topic};
use crate::time::Timestamp;

/// A request to one room's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    /// Come into being. A direct room that exists already is simply returned.
    Create {
        /// Public, private or direct.
        kind: Kind,
        /// The name; none for a direct room.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<RoomName>,
        /// The topic.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        topic: Option<Topic>,
        /// Who is in it from the start, besides the actor.
        members: Vec<UserId>,
        /// When it was made, where an import knows better than the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created_at: Option<Timestamp>,
        /// Who of them exists, and who stands in a block with the actor.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
    },
    /// Change the name.
    Rename {
        /// The new name.
        name: RoomName,
    },
    /// Change the topic.
    SetTopic {
        /// The new topic.
        topic: Topic,
    },
    /// Close for good: it can be read, and nothing changes any more.
    Archive,
    /// Let nothing new be said in a direct room, because one of the two has blocked the other. A process manager asks for it.
    Close,
    /// Let the two of a direct room talk again, because no block is left. A process manager asks for it.
    Reopen,
    /// Add people (members of a private or public room; moderators and owners only in a private one).
    AddMembers {
        /// Whom.
        users: Vec<UserId>,
        /// When they joined, where an import knows better than the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        joined_at: Option<Timestamp>,
        /// Who of them exists, and who stands in a block with the actor.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
    },
    /// Walk into a public room.
    Join {
        /// When, where an import knows better than the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        joined_at: Option<Timestamp>,
    },
    /// Walk out.
    Leave,
    /// Put somebody out.
    RemoveMember {
        /// Whom.
        user: UserId,
    },
    /// Make somebody owner, moderator or plain member.
    ChangeRole {
        /// Whose role.
        user: UserId,
        /// The new role.
        role: Role,
    },
    /// Say something.
    SendMessage {
        /// What.
        text: MessageText,
        /// In reply to which message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<Number>,
        /// Candidates for mentions (`@id` in the text, found at the edge); those who are members become mentions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<UserId>,
        /// Who of them stands in a block with the actor.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
        /// When it was said, where an import knows better than the clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_at: Option<Timestamp>,
    },
    /// Say it differently (author).
    EditMessage {
        /// Which message.
        number: Number,
        /// The new text.
        text: MessageText,
        /// Candidates for mentions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<UserId>,
        /// Who of them stands in a block with the actor.
        #[serde(default, skip_serializing_if = "Facts::is_empty")]
        facts: Facts,
    },
    /// Unsay it (author, moderator, owner). The number stays.
    DeleteMessage {
        /// Which message.
        number: Number,
    },
    /// React with an emoji.
    AddReaction {
        /// To which message.
        number: Number,
        /// How.
        emoji: Emoji,
    },
    /// Take a reaction back.
    RemoveReaction {
        /// From which message.
        number: Number,
        /// Which one.
        emoji: Emoji,
    },
}

impl Command {
    /// The message that must be loaded beside the room before deciding.
    #[must_use]
    pub const fn target(&self) -> Option<Number> {
        match self {
            Self::EditMessage { number, .. }
            | Self::DeleteMessage { number }
            | Self::AddReaction { number, .. }
            | Self::RemoveReaction { number, .. } => Some(*number),
            // A reply needs only the number of the last message, which the room itself knows.
            Self::SendMessage { .. }
            | Self::Create { .. }
            | Self::Rename { .. }
            | Self::SetTopic { .. }
            | Self::Archive
            | Self::Close
            | Self::Reopen
            | Self::AddMembers { .. }
            | Self::Join { .. }
            | Self::Leave
            | Self::RemoveMember { .. }
            | Self::ChangeRole { .. } => None,
        }
    }
}
