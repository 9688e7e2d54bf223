//! What a search finds.

use domain::{RoomId, Timestamp, UserId};
use infra::search::{Hit, excerpt};
use serde::Serialize;
use utoipa::ToSchema;

/// A message that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Its room.
    #[schema(value_type = Uuid)]
    pub room_id: RoomId,
    /// Its number there; `GET …/messages?around=` shows what was said around it.
    pub number: u64,
    /// Who wrote it.
    #[schema(value_type = String)]
    pub author: UserId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// When the text last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub edited_at: Option<Timestamp>,
    /// The text around the first place that fits, in pieces that follow each other. Plain text: escape it as any other.
    pub excerpt: Vec<Piece>,
}

/// A piece of an excerpt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether this is what was searched for.
    pub hit: bool,
}

impl From<Hit> for Found {
    fn from(hit: Hit) -> Self {
        let pieces = excerpt(&hit.text, &hit.marks).into_iter();
        Self {
            room_id: hit.key.room,
            number: hit.key.number,
            author: hit.author,
            sent_at: hit.key.sent_at,
            edited_at: hit.edited_at,
            excerpt: pieces.map(|piece| Piece { text: piece.text, hit: piece.hit }).collect(),
        }
    }
}
