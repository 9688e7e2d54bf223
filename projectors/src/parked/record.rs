//! The records of the topic `parked`, as JSON: an event that was parked, or what became of one.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use domain::Timestamp;
use infra::log::{Offset, Topic, TopicPartition};
use infra::read_model::generations::Generation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rebuild::TIMELINE;
use crate::search::SEARCH;

/// What could not take an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Model {
    /// The timeline.
    Timeline,
    /// The search index.
    Search,
}

impl Model {
    /// As the records name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeline => TIMELINE,
            Self::Search => SEARCH,
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Timeline, Self::Search].into_iter().find(|model| model.name() == name)
    }
}

/// An event that was parked: its place in the log, written `rooms.v1-0-123`, and what could not take it, before it unless that is the
/// timeline: `search:rooms.v1-0-123`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId {
    /// What could not take it.
    pub model: Model,
    /// Its partition.
    pub partition: TopicPartition,
    /// Its offset there.
    pub offset: Offset,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TopicPartition { topic, partition } = self.partition;
        if self.model != Model::Timeline {
            write!(f, "{}:", self.model.name())?;
        }
        write!(f, "{}-{partition}-{}", topic.base_name(), self.offset)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (model, place) = match text.split_once(':') {
            Some((name, place)) => (Model::named(name).ok_or(())?, place),
            None => (Model::Timeline, text),
        };
        let mut parts = place.rsplitn(3, '-');
        let mut part = || parts.next().ok_or(());
        let (offset, partition, name) = (part()?, part()?, part()?);
        let topic = Topic::ALL.into_iter().find(|topic| topic.base_name() == name).ok_or(())?;
        let partition = TopicPartition { topic, partition: partition.parse().map_err(drop)? };
        Ok(Self { model, partition, offset: offset.parse().map_err(drop)? })
    }
}

impl Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|()| serde::de::Error::custom("no id of an event"))
    }
}

/// One record. With `resolution` it says what became of the event; else that it was parked, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParkedRecord {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
    pub(crate) projection: String,
    /// By which generation of the read model; the first one, where an earlier version of the program did not say.
    #[serde(default = "first")]
    pub(crate) generation: Generation,
    #[serde(default)]
    pub(crate) epoch: u64,
    #[serde(default)]
    pub(crate) sequence: u64,
    /// When it was parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) error: String,
    /// A copy of the record: key, headers, and the value in base64 if it fits.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) record: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resolution: Option<Resolution>,
}

const fn first() -> Generation {
    Generation::FIRST
}

/// What became of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resolution {
    pub(crate) outcome: Outcome,
    /// The generations that hold it now; for [`Outcome::Discarded`], all there will ever be.
    pub(crate) generations: BTreeSet<Generation>,
    /// Who decided it.
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

/// How an event was dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It was applied after all.
    Applied,
    /// It is left out for good.
    Discarded,
}

impl ParkedRecord {
    /// The event that this is about; nothing for a topic or a projection that this version does not know.
    pub(crate) fn id(&self) -> Option<EventId> {
        let model = Model::named(&self.projection)?;
        let topic = Topic::ALL.into_iter().find(|topic| topic.base_name() == self.topic)?;
        Some(EventId { model, partition: TopicPartition { topic, partition: self.partition }, offset: self.offset })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let partition = TopicPartition { topic: Topic::Rooms, partition: 3 };
        for (model, text) in [(Model::Timeline, "rooms.v1-3-812"), (Model::Search, "search:rooms.v1-3-812")] {
            let id = EventId { model, partition, offset: 812 };
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
        }
        for none in ["", "rooms.v1", "rooms.v1-3", "rooms.v1-3-x", "halls.v1-3-1", "rooms.v1-3-1-", "other:rooms.v1-3-1"] {
            assert_eq!(none.parse::<EventId>(), Err(()), "{none}");
        }
    }

    #[test]
    fn what_an_earlier_version_parked_is_read() {
        let earlier = r#"{"topic":"rooms.v1","partition":0,"offset":7,"epoch":1,"sequence":2,"projection":"timeline",
            "error":"no","record":{"key":"k","headers":[],"value":null}}"#;
        let read: ParkedRecord = serde_json::from_str(earlier).unwrap();
        assert_eq!((read.generation, read.sequence, read.resolution.is_none()), (Generation::FIRST, 2, true));
    }
}
