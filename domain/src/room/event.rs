//! What can happen in a room. An event about a message carries its facts in full, so that a consumer needs no history.

use serde::{Deserialize, Serialize};

use super::Number;
use crate::ids::UserId;
use crate::text::{Emoji, MessageText, RoomName, Topic, stored_emoji};
use crate::time::Timestamp;

/// A fact about one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// `sarangbang.room.created.v1`
    Created(RoomCreated),
    /// `sarangbang.room.renamed.v1`: the details as they are now.
    Renamed(Details),
    /// `sarangbang.room.topic-set.v1`: the details as they are now.
    TopicSet(Details),
    /// `sarangbang.room.archived.v1`: the details as they are now.
    Archived(Details),
    /// `sarangbang.room.closed.v1`: a direct room, after a block; the details as they are now.
    Closed(Details),
    /// `sarangbang.room.reopened.v1`: the details as they are now.
    Reopened(Details),
    /// `sarangbang.room.members-added.v1`
    MembersAdded(MembersAdded),
    /// `sarangbang.room.member-joined.v1`
    MemberJoined(Member),
    /// `sarangbang.room.member-left.v1`
    MemberLeft(MemberGone),
    /// `sarangbang.room.member-removed.v1`
    MemberRemoved(MemberGone),
    /// `sarangbang.room.role-changed.v1`: the membership as it is now.
    RoleChanged(Member),
    /// `sarangbang.room.message-sent.v1`
    MessageSent(MessageSent),
    /// `sarangbang.room.message-edited.v1`
    MessageEdited(MessageEdited),
    /// `sarangbang.room.message-deleted.v1`
    MessageDeleted(MessageDeleted),
    /// `sarangbang.room.reaction-added.v1`
    ReactionAdded(Reaction),
    /// `sarangbang.room.reaction-removed.v1`
    ReactionRemoved(Reaction),
}

/// Who may find and enter a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// In the directory; anyone signed in may read and join.
    Public,
    /// By invitation.
    Private,
    /// Between two people.
    Direct,
}

/// Whether a room still changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It does.
    Open,
    /// A direct room after a block: reopened when unblocked.
    Closed,
    /// Never again.
    Archived,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Read and write.
    Member,
    /// Also delete messages, add and remove members, rename.
    Moderator,
    /// Also change roles and archive.
    Owner,
}

/// A room's details after the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// Public, private or direct.
    pub kind: Kind,
    /// Open, closed or archived.
    pub status: Status,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// What is personal.
    pub personal: DetailsPersonal,
}

/// The personal part of a room's details.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetailsPersonal {
    /// The name; none for a direct room.
    pub name: Option<RoomName>,
    /// The topic; empty when there is none.
    pub topic: Topic,
}

/// A room came into being, with its first members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomCreated {
    /// What it is.
    #[serde(flatten)]
    pub details: Details,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// A membership after the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
    /// Since when.
    pub joined_at: Timestamp,
}

/// People were added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MembersAdded {
    /// Who, all as plain members.
    pub members: Vec<Member>,
}

/// Somebody is no longer a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberGone {
    /// Who.
    pub user_id: UserId,
}

/// The facts of a message that still has its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageFacts {
    /// Its number in the room.
    pub number: Number,
    /// Who wrote it.
    pub author: UserId,
    /// When it was said.
    pub sent_at: Timestamp,
    /// In reply to which message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Number>,
    /// Members whom its current text mentions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<UserId>,
    /// When its text last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// What is personal.
    pub personal: MessagePersonal,
}

/// The personal part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagePersonal {
    /// The current text.
    pub text: MessageText,
}

/// Something was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageSent {
    /// What.
    pub message: MessageFacts,
}

/// A text changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageEdited {
    /// The message as it is now.
    #[serde(flatten)]
    pub message: MessageFacts,
    /// Who was mentioned before and no longer is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions_dropped: Vec<UserId>,
}

/// A message was unsaid. It keeps its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageDeleted {
    /// Which.
    pub number: Number,
    /// Who had written it.
    pub author: UserId,
    /// When it had been said.
    pub sent_at: Timestamp,
    /// What it had replied to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<Number>,
    /// Who deleted it.
    pub deleted_by: UserId,
    /// When.
    pub deleted_at: Timestamp,
}

/// A reaction was added or taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaction {
    /// The message reacted to, as it is.
    #[serde(flatten)]
    pub message: MessageFacts,
    /// Who reacted.
    pub user_id: UserId,
    /// How.
    #[serde(deserialize_with = "stored_emoji")]
    pub emoji: Emoji,
}
