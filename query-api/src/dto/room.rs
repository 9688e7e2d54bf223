//! Rooms.

use domain::room::{Kind, Role, Status};
use domain::{RoomId, Timestamp, UserId};
use infra::read_model::{MineView, RoomView};
use serde::Serialize;
use utoipa::ToSchema;

use super::Message;

/// A room's details: what an event about the room itself can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomDetails {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub room_id: RoomId,
    /// Public, private or direct.
    #[schema(value_type = KindName)]
    pub kind: Kind,
    /// Open, closed or archived.
    #[schema(value_type = StatusName)]
    pub status: Status,
    /// The name; null for a direct room.
    #[schema(required = true)]
    pub name: Option<String>,
    /// The topic; may be empty.
    pub topic: String,
    /// Who made it.
    #[schema(value_type = String)]
    pub created_by: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// One room as the one who asks stands to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Room {
    /// What it is.
    #[serde(flatten)]
    pub details: RoomDetails,
    /// The version of the room's stream: where a live subscription may continue.
    pub version: u64,
    /// The number of the last message; 0 when nothing was said yet.
    pub last_number: u64,
    /// When something was last said, or the room was made.
    #[schema(value_type = String, format = DateTime)]
    pub last_activity_at: Timestamp,
    /// How many members it has.
    pub member_count: u64,
    /// One's own role; null for somebody who is no member.
    #[schema(value_type = Option<RoleName>, required = true)]
    pub role: Option<Role>,
    /// How far one has read.
    pub read_number: u64,
    /// How many messages came after; 0 for somebody who is no member.
    pub unread: u64,
    /// Whether one has muted it.
    pub muted: bool,
}

/// A room in one's own list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyRoom {
    /// The room.
    #[serde(flatten)]
    pub room: Room,
    /// Messages beyond the read position that mention one.
    pub unread_mentions: u64,
    /// The last message, deleted or not; null when nothing was said yet.
    #[schema(required = true)]
    pub last_message: Option<Message>,
    /// The other person of a direct room; else null.
    #[schema(value_type = Option<String>, required = true)]
    pub direct_with: Option<UserId>,
}

/// Who may find and enter a room: the names of [`Kind`].
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case", as = Kind)]
#[expect(dead_code, reason = "documents the names of a domain type, which knows nothing of OpenAPI")]
pub enum KindName {
    /// In the directory.
    Public,
    /// By invitation.
    Private,
    /// Between two people.
    Direct,
}

/// Whether a room still changes: the names of [`Status`].
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case", as = Status)]
#[expect(dead_code, reason = "documents the names of a domain type, which knows nothing of OpenAPI")]
pub enum StatusName {
    /// It does.
    Open,
    /// Not now.
    Closed,
    /// Never again.
    Archived,
}

/// What a member may do: the names of [`Role`].
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case", as = Role)]
#[expect(dead_code, reason = "documents the names of a domain type, which knows nothing of OpenAPI")]
pub enum RoleName {
    /// Read and write.
    Member,
    /// Also keep order.
    Moderator,
    /// Also change roles and archive.
    Owner,
}

impl RoomDetails {
    /// The details as an event tells them.
    #[must_use]
    pub fn of_event(room: RoomId, details: domain::room::Details) -> Self {
        Self {
            room_id: room,
            kind: details.kind,
            status: details.status,
            name: details.personal.name.map(|name| name.as_str().to_owned()),
            topic: details.personal.topic.as_str().to_owned(),
            created_by: details.created_by,
            created_at: details.created_at,
        }
    }

    /// The details as the read model has them.
    #[must_use]
    pub fn of_view(view: RoomView) -> Self {
        Self {
            room_id: view.room,
            kind: view.kind,
            status: view.status,
            name: view.name,
            topic: view.topic,
            created_by: view.created_by,
            created_at: view.created_at,
        }
    }
}

impl From<RoomView> for Room {
    fn from(view: RoomView) -> Self {
        let unread = view.viewer.role.map_or(0, |_| view.last_number.saturating_sub(view.viewer.read_number));
        Self {
            version: view.version,
            last_number: view.last_number,
            last_activity_at: view.last_activity_at,
            member_count: view.member_count,
            role: view.viewer.role,
            read_number: view.viewer.read_number,
            unread,
            muted: view.viewer.muted,
            details: RoomDetails::of_view(view),
        }
    }
}

impl From<MineView> for MyRoom {
    fn from(view: MineView) -> Self {
        Self {
            room: view.room.into(),
            unread_mentions: view.unread_mentions,
            last_message: view.last_message.map(Message::from),
            direct_with: view.direct_with,
        }
    }
}
