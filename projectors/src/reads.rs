//! The projection of read positions. They come from two topics, and the highest counts: people say how far they have read (no
//! event: any node writes it to `reads`), and whoever sends a message has read up to it (`timeline`).

use domain::wire::Record;
use domain::{RoomId, UserId};
use infra::read_model::Changes;
use serde::Deserialize;

use crate::timeline;

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
    timeline::read(position.room_id, &position.user_id, position.number, changes);
}

#[cfg(test)]
mod tests {
    use infra::read_model::ReadRow;

    use super::*;

    #[test]
    fn the_highest_position_counts_and_what_is_none_is_nothing() {
        let room = "00000000-0000-0000-0000-000000000001";
        let decode = |value: String| ReadPosition::decode(&Record { value: value.into_bytes(), ..Record::default() });
        let position = |number: u64| {
            decode(format!(r#"{{"roomId":"{room}","userId":"mia","number":{number},"at":"2026-11-22T14:03:07.125Z"}}"#)).unwrap()
        };
        let mut changes = Changes::default();
        for number in [2, 5, 3] {
            project(&position(number), &mut changes);
        }
        let key = (position(1).room_id, position(1).user_id);
        assert_eq!(changes.reads.into_iter().collect::<Vec<_>>(), [(key, ReadRow { number: 5 })]);
        for none in ["", "{}", "null", r#"{"roomId":1}"#] {
            assert_eq!(decode(none.to_owned()), None, "{none}");
        }
    }
}
