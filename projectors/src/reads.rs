//! The projection of read positions. They are no events: any node writes them, only the highest counts.

use domain::wire::Record;
use domain::{RoomId, UserId};
use infra::read_model::{Changes, ReadRow};
use serde::Deserialize;

/// What a record of the topic `reads` says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadPosition {
    /// In which room.
    pub room_id: RoomId,
    /// Who.
    pub user_id: UserId,
    /// The number of the last message read.
    pub number: u64,
}

impl ReadPosition {
    /// Reads a record; nothing when it is none of ours (or the tombstone of a compacted key).
    #[must_use]
    pub fn decode(record: &Record) -> Option<Self> {
        serde_json::from_slice(&record.value).ok()
    }
}

/// Adds a read position to `changes`.
pub fn project(position: &ReadPosition, changes: &mut Changes) {
    let key = (position.room_id, position.user_id.clone());
    let row = changes.reads.entry(key).or_insert(ReadRow { number: position.number });
    row.number = row.number.max(position.number);
}
