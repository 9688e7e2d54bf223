//! What nodes tell each other through `presence.v1`. Nothing of it is kept longer than a minute, and nothing of it is an event.

use std::time::Duration;

use domain::wire::Record;
use domain::{RoomId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A record of `presence.v1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PresenceRecord {
    /// Somebody types.
    Typing {
        /// Where.
        room_id: RoomId,
        /// Who.
        user_id: UserId,
        /// When.
        at: Timestamp,
    },
    /// What a node says of people with sockets on it: again and again, as long as it lasts.
    People {
        /// Which node. Its word replaces what it said before of the same people, and nothing that others said.
        node: Uuid,
        /// When.
        at: Timestamp,
        /// Of whom, and what.
        people: Vec<Said>,
    },
}

/// What a node says of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Said {
    /// Of whom.
    pub user_id: UserId,
    /// What.
    pub state: Word,
}

/// How a node says that somebody is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Somebody sits before an open page.
    Online,
    /// The page is open, and nobody looks at it.
    Away,
    /// The last socket on this node is closed.
    Gone,
    /// The person has switched presence off: every node forgets them, with when they were last seen.
    Hidden,
}

impl PresenceRecord {
    /// The key: records with the same key come in the order in which they were written.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Typing { room_id, .. } => room_id.to_string(),
            Self::People { node, .. } => node.to_string(),
        }
    }

    /// The record as it goes into the log.
    #[must_use]
    pub fn to_record(&self) -> Record {
        // A struct of ids and times always serialises.
        Record { key: self.key().into_bytes(), headers: Vec::new(), value: serde_json::to_vec(self).unwrap_or_default() }
    }
}

/// Whether `at` is longer ago than `age_max`.
#[must_use]
pub fn is_older(at: Timestamp, age_max: Duration, now: Timestamp) -> bool {
    now.as_millis().saturating_sub(at.as_millis()) > millis(age_max)
}

/// A duration in the unit of times.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(record: &PresenceRecord) -> serde_json::Value {
        let written = record.to_record();
        assert_eq!(serde_json::from_slice::<PresenceRecord>(&written.value).unwrap(), *record);
        assert_eq!(written.key, record.key().into_bytes());
        serde_json::from_slice(&written.value).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_it_went() {
        let at: Timestamp = "2026-11-22T14:03:09.000Z".parse().unwrap();
        let (room_id, user_id) = (RoomId::of_import("t", "r"), UserId::parse("ann").unwrap());
        let json = round_trip(&PresenceRecord::Typing { room_id, user_id: user_id.clone(), at });
        assert_eq!((&json["kind"], &json["userId"]), (&"typing".into(), &"ann".into()));
        let people = vec![Said { user_id, state: Word::Away }];
        let json = round_trip(&PresenceRecord::People { node: Uuid::nil(), at, people });
        assert_eq!(json["people"], serde_json::json!([{"userId": "ann", "state": "away"}]));
    }
}
