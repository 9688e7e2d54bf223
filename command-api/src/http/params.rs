//! Parameters of paths.

use domain::room::Number;
use domain::text::Emoji;
use domain::{RoomId, UserId};
use serde::Deserialize;

/// `/chat/rooms/{roomId}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomPath {
    pub room_id: RoomId,
}

/// `/chat/friends/{userId}`, `/chat/blocks/{userId}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OtherPath {
    pub user_id: UserId,
}

/// `/chat/rooms/{roomId}/members/{userId}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberPath {
    pub room_id: RoomId,
    pub user_id: Person,
}

/// `/chat/rooms/{roomId}/messages/{number}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessagePath {
    pub room_id: RoomId,
    pub number: Number,
}

/// `/chat/rooms/{roomId}/messages/{number}/reactions/{emoji}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReactionPath {
    pub room_id: RoomId,
    pub number: Number,
    pub emoji: Emoji,
}

/// A person in a path: `me`, which no user id can be, or an id.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub enum Person {
    Me,
    Other(UserId),
}

impl TryFrom<String> for Person {
    type Error = domain::ids::UserIdError;

    fn try_from(raw: String) -> Result<Self, Self::Error> {
        if raw == "me" { Ok(Self::Me) } else { UserId::parse(&raw).map(Self::Other) }
    }
}

impl Person {
    /// Who it is other than `actor`; nothing when it is the actor, by whichever name.
    pub fn other_than(self, actor: &UserId) -> Option<UserId> {
        match self {
            Self::Me => None,
            Self::Other(user) => (user != *actor).then_some(user),
        }
    }
}
