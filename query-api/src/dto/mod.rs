//! What queries and frames say: the read model's views in the form of the public surface. camelCase, times in RFC 3339.
//!
//! A frame of the live feed and the answer of a query carry the same [`Message`], so that a client keeps one store for both.

mod message;
mod numbers;
mod people;
mod presence;
mod room;
mod search;

pub use message::{Mention, Message, Reaction, Reactors};
pub use numbers::{Bucket, Counted, Counts, Series};
pub use people::{Block, Friend, FriendshipName, Member, Membership, Person};
pub use presence::{PersonPresence, Presence, PresenceState};
pub use room::{MyRoom, Room, RoomDetails};
pub use search::{Found, Piece};

use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list. A cursor is opaque: give it back as `cursor`, with the same path and filters.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    pub items: Vec<T>,
    /// The cursor of the page that follows; null when there is none now.
    #[schema(required = true)]
    pub next: Option<String>,
    /// The cursor of the page before; null when there is none, or where a list can only be walked forwards.
    #[schema(required = true)]
    pub prev: Option<String>,
}
