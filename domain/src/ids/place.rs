//! Where things are in the log: streams, topics, partitions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Pair, RoomId, UserId};

/// The id of one stream: the key of its records, and the CloudEvents `subject`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StreamId {
    /// One person; lives in the `users` topic under the user id.
    User(UserId),
    /// Two people; lives in the `users` topic under their sorted ids.
    Relation(Pair),
    /// One room; lives in the `rooms` topic under the room id.
    Room(RoomId),
}

impl StreamId {
    /// Which of the two event topics the stream lives in.
    #[must_use]
    pub const fn topic(&self) -> EventTopic {
        match self {
            Self::User(_) | Self::Relation(_) => EventTopic::Users,
            Self::Room(_) => EventTopic::Rooms,
        }
    }

    /// The record key: what the partition is chosen by.
    #[must_use]
    pub fn key(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::Relation(pair) => pair.fmt(f),
            Self::Room(id) => id.fmt(f),
        }
    }
}

/// The two topics that hold events for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventTopic {
    /// `users.v1`: users, and the relations between them.
    Users,
    /// `rooms.v1`: rooms and their messages.
    Rooms,
}

impl EventTopic {
    /// Both, in the order in which a fresh reader should fold them.
    pub const ALL: [Self; 2] = [Self::Users, Self::Rooms];

    /// The letter that stands for the topic in a read token.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Users => 'u',
            Self::Rooms => 'r',
        }
    }

    /// The topic's name without the prefix, version included.
    #[must_use]
    pub const fn base_name(self) -> &'static str {
        match self {
            Self::Users => "users.v1",
            Self::Rooms => "rooms.v1",
        }
    }
}

/// One partition of one event topic: the unit of ownership.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    /// The topic.
    pub topic: EventTopic,
    /// The partition's number, from 0.
    pub number: u32,
}

impl fmt::Display for PartitionId {
    /// `rooms.v1/3`: the key and subject of the partition's claims and barriers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic.base_name(), self.number)
    }
}

impl FromStr for PartitionId {
    type Err = ();
    fn from_str(raw: &str) -> Result<Self, ()> {
        let (name, number) = raw.split_once('/').ok_or(())?;
        let topic = EventTopic::ALL.into_iter().find(|t| t.base_name() == name).ok_or(())?;
        Ok(Self { topic, number: number.parse().map_err(|_| ())? })
    }
}
