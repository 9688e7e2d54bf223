//! What a batch of events changes, as rows: the part of the projection that knows no database.
//!
//! Rows are keyed, and a later row for a key replaces an earlier one, so that a batch writes each row once and every table takes
//! one statement a batch.

use std::collections::BTreeMap;

use domain::room::{Kind, Role, Status};
use domain::{RoomId, Timestamp, UserId};

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The display name.
    pub user_name: String,
    /// The status text; may be empty.
    pub status_text: String,
    /// When they registered.
    pub registered_at: Timestamp,
    /// The stream version that made the row.
    pub version: u64,
}

/// Somebody left for good. A table of its own, because the event says nothing of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeactivationRow {
    /// When.
    pub deactivated_at: Timestamp,
    /// The stream version that made the row.
    pub version: u64,
}

/// A room's details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRow {
    /// Public, private or direct.
    pub kind: Kind,
    /// Open, closed or archived.
    pub status: Status,
    /// The name; none for a direct room.
    pub name: Option<String>,
    /// The topic; may be empty.
    pub topic: String,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// The stream version that made the row.
    pub version: u64,
    /// Whether the batch holds its creation. Then no row of the room, its head and its members should be there yet: a hint, like
    /// [`MessageRow::is_new`].
    pub is_new: bool,
}

/// How far a room's stream has come. Each field only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomHeadRow {
    /// The stream's version.
    pub version: u64,
    /// The number of the last message; 0 when there is none.
    pub last_number: u64,
    /// When something was last said, or the room was made.
    pub last_activity_at: Timestamp,
}

/// A membership; kept, marked as over, when somebody leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// As what; nothing when the person is gone.
    pub role: Option<Role>,
    /// Since when; nothing when the person is gone (the row before it stays the answer to "since when" otherwise).
    pub joined_at: Option<Timestamp>,
    /// The stream version that made the row.
    pub version: u64,
}

/// A message as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// Who wrote it.
    pub author: UserId,
    /// When it was said.
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
    /// The room version of its last change.
    pub version: u64,
    /// Whether the batch holds its sending. Then no row of it should be there yet, which a database may take as a hint to a faster
    /// way; that there is none is not certain.
    pub is_new: bool,
}

/// Whether somebody is mentioned in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MentionRow {
    /// When the message was said.
    pub sent_at: Timestamp,
    /// Whether the mention still stands.
    pub present: bool,
    /// The room version that made the row.
    pub version: u64,
}

/// Whether somebody reacts to a message with an emoji.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReactionRow {
    /// Whether the reaction still stands.
    pub present: bool,
    /// The room version that made the row.
    pub version: u64,
}

/// Whether somebody has muted a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MuteRow {
    /// Whether it is muted.
    pub muted: bool,
    /// The version of the person's stream that made the row.
    pub version: u64,
}

/// How a person stands to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelationRow {
    /// How far their friendship is.
    pub friendship: Friendship,
    /// Whether the person blocks the other one.
    pub blocks: bool,
    /// Whether the other one blocks the person.
    pub blocked: bool,
    /// When that came to be.
    pub changed_at: Timestamp,
    /// The version of the pair's stream that made the row.
    pub version: u64,
}

/// How far a friendship is, as one of the two sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Friendship {
    /// There is none.
    None,
    /// The person has asked.
    Outgoing,
    /// The other one has asked.
    Incoming,
    /// They are friends.
    Friends,
}

/// Whether somebody has switched presence off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisibilityRow {
    /// Whether they have.
    pub presence_hidden: bool,
    /// The version of the person's stream that made the row.
    pub version: u64,
}

/// How far somebody has read; only ever rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadRow {
    /// The number of the last message read.
    pub number: u64,
}

/// The rows of one batch, each with its key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// People.
    pub users: BTreeMap<UserId, UserRow>,
    /// People who left for good.
    pub deactivations: BTreeMap<UserId, DeactivationRow>,
    /// Rooms.
    pub rooms: BTreeMap<RoomId, RoomRow>,
    /// How far rooms have come.
    pub room_heads: BTreeMap<RoomId, RoomHeadRow>,
    /// Memberships.
    pub members: BTreeMap<(RoomId, UserId), MemberRow>,
    /// Messages.
    pub messages: BTreeMap<(RoomId, u64), MessageRow>,
    /// Mentions.
    pub mentions: BTreeMap<(UserId, RoomId, u64), MentionRow>,
    /// Reactions: room, number, emoji, person.
    pub reactions: BTreeMap<(RoomId, u64, String, UserId), ReactionRow>,
    /// Muted rooms, by person.
    pub mutes: BTreeMap<(UserId, RoomId), MuteRow>,
    /// How people stand to each other: the person, then the other one.
    pub relations: BTreeMap<(UserId, UserId), RelationRow>,
    /// Who shows presence.
    pub visibilities: BTreeMap<UserId, VisibilityRow>,
    /// Read positions.
    pub reads: BTreeMap<(RoomId, UserId), ReadRow>,
}
