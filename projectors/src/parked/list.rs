//! The list of parked events: the fold of the topic `parked`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::Timestamp;
use infra::log::{Fault, Log, Topic, TopicPartition};
use infra::read_model::generations::Generation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::record::{EventId, Model, Outcome, ParkedRecord};

/// Records that are read at once.
const RECORDS_MAX: usize = 500;
/// How long one question to the log waits, and how often in a row it may come back empty before the end counts as reached.
const WAIT_MAX: Duration = Duration::from_secs(1);
const SILENCES_MAX: u32 = 10;
/// The most events that are kept in memory; what is parked beyond them shows once some of these are dealt with.
const ENTRIES_MAX: usize = 20_000;

/// An event that was parked and is not dealt with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its place in the log.
    pub id: EventId,
    /// What could not apply it.
    pub projection: String,
    /// The generations of the read model that lack it.
    pub generations: BTreeSet<Generation>,
    /// Its type, as its header says it.
    pub event_type: Option<String>,
    /// Its stream.
    pub subject: Option<String>,
    /// Its epoch.
    pub epoch: u64,
    /// Its sequence in the partition.
    pub sequence: u64,
    /// Why it could not be applied, the last time.
    pub error: String,
    /// When it was parked, the first time; unknown for what an early version parked.
    pub parked_at: Option<Timestamp>,
    /// How often.
    pub times: u64,
}

/// A page of the list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// In the order of their places in the log.
    pub items: Vec<Entry>,
    /// How many there are in all.
    pub total: usize,
}

/// What is folded so far.
#[derive(Default)]
pub(crate) struct List {
    entries: BTreeMap<EventId, Entry>,
    discarded: BTreeSet<EventId>,
}

impl List {
    /// Those that the search index lacks, or some generation `kept` of the timeline.
    pub(crate) fn open(mut self, kept: &BTreeSet<Generation>) -> BTreeMap<EventId, Entry> {
        self.entries.retain(|id, entry| {
            entry.generations.retain(|generation| id.model == Model::Search || kept.contains(generation));
            !entry.generations.is_empty()
        });
        self.entries
    }

    fn take(&mut self, record: ParkedRecord) {
        let Some(id) = record.id() else { return };
        match record.resolution {
            Some(resolution) if resolution.outcome == Outcome::Discarded => {
                self.discarded.insert(id);
                self.entries.remove(&id);
            }
            Some(resolution) => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.generations.retain(|generation| !resolution.generations.contains(generation));
                }
                // Where no generation lacks it any more it is dealt with; a later one may park it anew.
                if self.entries.get(&id).is_some_and(|entry| entry.generations.is_empty()) {
                    self.entries.remove(&id);
                }
            }
            // What was left out for good is left out by every later generation too.
            None if self.discarded.contains(&id) => {}
            None => self.parked(id, record),
        }
    }

    fn parked(&mut self, id: EventId, record: ParkedRecord) {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&id) {
            return;
        }
        let header = |name: &str| header(&record.record, name);
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            id,
            projection: record.projection.clone(),
            generations: BTreeSet::new(),
            event_type: header("ce_type"),
            subject: header("ce_subject"),
            epoch: record.epoch,
            sequence: record.sequence,
            error: String::new(),
            parked_at: record.at,
            times: 0,
        });
        entry.generations.insert(record.generation);
        entry.error = record.error;
        entry.times += 1;
    }
}

fn header(record: &Value, name: &str) -> Option<String> {
    let pairs = record.get("headers")?.as_array()?;
    let pair = pairs.iter().find(|pair| pair.get(0).and_then(Value::as_str) == Some(name))?;
    pair.get(1)?.as_str().map(str::to_owned)
}

/// Reads the topic up to its present end.
///
/// # Errors
/// Any [`Fault`].
pub(crate) async fn fold(log: &dyn Log) -> Result<List, Fault> {
    let mut list = List::default();
    for partition in 0..log.partitions(Topic::Parked).get() {
        let of = TopicPartition { topic: Topic::Parked, partition };
        let end = log.end(of).await?;
        let (mut next, mut silences) = (0, 0);
        let mut tail = log.tail(of, next).await?;
        while next < end && silences < SILENCES_MAX {
            let records = tail.next(RECORDS_MAX, WAIT_MAX).await?;
            silences = if records.is_empty() { silences + 1 } else { 0 };
            for stored in records {
                next = stored.offset.saturating_add(1);
                // What is none of ours is nothing.
                if let Ok(record) = serde_json::from_slice(&stored.record.value) {
                    list.take(record);
                }
            }
        }
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(records: &[Value]) -> List {
        let mut list = List::default();
        records.iter().for_each(|record| list.take(serde_json::from_value(record.clone()).unwrap()));
        list
    }
    fn parked(offset: u64, generation: u32, error: &str) -> Value {
        let record = json!({"key": "k", "headers": [["ce_type", "t"], ["ce_subject", "s"]], "value": null});
        json!({"topic": "rooms.v1", "partition": 0, "offset": offset, "projection": "timeline", "generation": generation,
               "error": error, "record": record})
    }
    fn resolved(offset: u64, outcome: &str, generations: &[u32]) -> Value {
        let resolution = json!({"outcome": outcome, "generations": generations, "by": "me", "at": "2026-11-25T10:00:00.000Z"});
        json!({"topic": "rooms.v1", "partition": 0, "offset": offset, "projection": "timeline", "resolution": resolution})
    }
    fn generations(numbers: &[u32]) -> BTreeSet<Generation> {
        serde_json::from_value(json!(numbers)).unwrap()
    }
    fn open(list: List, kept: &[u32]) -> Vec<(u64, BTreeSet<Generation>, u64)> {
        list.open(&generations(kept)).into_values().map(|entry| (entry.id.offset, entry.generations, entry.times)).collect()
    }

    #[test]
    fn an_event_stands_there_once_however_often_it_is_parked() {
        let twice = [parked(5, 1, "no"), parked(5, 1, "no"), parked(5, 2, "still no"), parked(6, 1, "no")];
        assert_eq!(open(list(&twice), &[1, 2]), [(5, generations(&[1, 2]), 3), (6, generations(&[1]), 1)]);
        // Only what a generation lacks that is still there.
        assert_eq!(open(list(&twice), &[2]), [(5, generations(&[2]), 3)]);
        let entry = list(&twice).open(&generations(&[2])).into_values().next().unwrap();
        assert_eq!(
            (entry.event_type.as_deref(), entry.subject.as_deref(), entry.error.as_str()),
            (Some("t"), Some("s"), "still no")
        );
    }

    #[test]
    fn the_timeline_and_the_index_lack_it_apart() {
        let mut by_index = parked(5, 7, "no words");
        by_index["projection"] = json!("search");
        let both = [parked(5, 1, "no"), by_index.clone()];
        let ids: Vec<String> = list(&both).open(&generations(&[1])).into_keys().map(|id| id.to_string()).collect();
        assert_eq!(ids, ["rooms.v1-0-5", "search:rooms.v1-0-5"]);
        let resolved = [parked(5, 1, "no"), by_index, resolved(5, "applied", &[1])];
        assert_eq!(open(list(&resolved), &[1]), [(5, generations(&[7]), 1)]);
    }

    #[test]
    fn what_was_dealt_with_is_gone_unless_another_generation_lacks_it() {
        let applied = [parked(5, 1, "no"), resolved(5, "applied", &[1])];
        assert_eq!(open(list(&applied), &[1, 2]), []);
        let one_of_two = [parked(5, 1, "no"), parked(5, 2, "no"), resolved(5, "applied", &[1])];
        assert_eq!(open(list(&one_of_two), &[1, 2]), [(5, generations(&[2]), 2)]);
        let later = [parked(5, 1, "no"), resolved(5, "applied", &[1]), parked(5, 2, "no")];
        assert_eq!(open(list(&later), &[1, 2]), [(5, generations(&[2]), 1)]);
        let discarded = [parked(5, 1, "no"), resolved(5, "discarded", &[]), parked(5, 2, "no")];
        assert_eq!(open(list(&discarded), &[1, 2]), [], "a rebuild does not bring back what was discarded");
    }
}
