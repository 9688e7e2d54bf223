//! What queries answer.

use domain::room::{Kind, Role, Status};
use domain::{RoomId, Timestamp, UserId};

use super::Friendship;

/// How the person who asks stands to a room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Viewer {
    /// Their role; nothing when they are no member.
    pub role: Option<Role>,
    /// How far they have read.
    pub read_number: u64,
    /// Whether they muted it.
    pub muted: bool,
}

/// One room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomView {
    /// Its id.
    pub room: RoomId,
    /// Public, private or direct.
    pub kind: Kind,
    /// Open, closed or archived.
    pub status: Status,
    /// The name; none for a direct room.
    pub name: Option<String>,
    /// The topic.
    pub topic: String,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The stream's version as far as the read model has come.
    pub version: u64,
    /// The number of the last message.
    pub last_number: u64,
    /// When something was last said.
    pub last_activity_at: Timestamp,
    /// How many members it has.
    pub member_count: u64,
    /// How the asker stands to it.
    pub viewer: Viewer,
}

/// A room in one's own list. Unread is `room.last_number - room.viewer.read_number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MineView {
    /// The room.
    pub room: RoomView,
    /// Mentions beyond the read position, deleted messages excluded.
    pub unread_mentions: u64,
    /// The last message, deleted or not; nothing when nothing was said yet.
    pub last_message: Option<MessageView>,
    /// The other person of a direct room.
    pub direct_with: Option<UserId>,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberView {
    /// Who.
    pub user: UserId,
    /// Their display name; the user id when the read model does not know them yet.
    pub user_name: String,
    /// As what; nothing for somebody who has gone (seen in `changes_after` only).
    pub role: Option<Role>,
    /// Since when.
    pub joined_at: Timestamp,
    /// The room version that made the row.
    pub version: u64,
}

/// Who reacted with one emoji.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReactionView {
    /// The emoji.
    pub emoji: String,
    /// How many people.
    pub count: u64,
    /// Whether the asker is one of them.
    pub mine: bool,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// Its room.
    pub room: RoomId,
    /// Its number.
    pub number: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When.
    pub sent_at: Timestamp,
    /// In reply to which number.
    pub reply_to: Option<u64>,
    /// The text; nothing once it is deleted.
    pub text: Option<String>,
    /// Members whom the text mentions.
    pub mentions: Vec<UserId>,
    /// When the text last changed.
    pub edited_at: Option<Timestamp>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Reactions by emoji; most frequent first.
    pub reactions: Vec<ReactionView>,
    /// The room version of its last change.
    pub version: u64,
}

/// A mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MentionView {
    /// The message.
    pub message: MessageView,
    /// The room's name.
    pub room_name: Option<String>,
}

/// How far one member has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadView {
    /// Who.
    pub user: UserId,
    /// The number of the last message read.
    pub number: u64,
}

/// One person. Of somebody who left for good only the id is shown: the name is the id, and there is no status text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// The id.
    pub user: UserId,
    /// The display name.
    pub user_name: String,
    /// The status text.
    pub status_text: String,
    /// When they registered.
    pub registered_at: Timestamp,
    /// Whether they left for good.
    pub deactivated: bool,
}

/// Somebody to whom a person stands in a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelationView {
    /// The other one, as others see them.
    pub other: UserView,
    /// How far the friendship is.
    pub friendship: Friendship,
    /// When that came to be.
    pub changed_at: Timestamp,
    /// Whether the other one has switched presence off.
    pub presence_hidden: bool,
}

/// Whom a person may see, and whether they may be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CircleView {
    /// Whether the person has switched presence off.
    pub presence_hidden: bool,
    /// Friends, at most as many as asked for, by user id.
    pub friends: Vec<UserId>,
}

/// Which way to page through messages; the number itself is excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Numbers below it, falling. `u64::MAX` starts at the end.
    Before(u64),
    /// Numbers above it, rising.
    After(u64),
}

/// What changed in a room after a version: the rows with a higher version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomChanges {
    /// The room, if its details changed; and in any case its version as of the snapshot.
    pub room: RoomView,
    /// Whether the details (name, topic, status) changed, and at which version.
    pub details_version: Option<u64>,
    /// Memberships that changed.
    pub members: Vec<MemberView>,
    /// Messages that changed.
    pub messages: Vec<MessageView>,
}
