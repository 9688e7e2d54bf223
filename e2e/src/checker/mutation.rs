//! Defects put into evidence on purpose: a checker that lets one of them pass is worth nothing.

use std::collections::BTreeMap;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::evidence::{Evidence, LogRecord};
use super::replay::effective;
use super::{Kind, Report, check};
use crate::journal::{Outcome, Told, What};

const SENT: &str = "sarangbang.room.message-sent.v1";

/// A defect that a run could have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// An acknowledged record is missing from the log; its writer's successors took over its sequence, version and number.
    Loss,
    /// An acknowledged message vanished from the read model alone.
    LossOfRow,
    /// A command was executed twice.
    Duplicate,
    /// Two messages of a room changed places in the log and in their answers: only the clock of the clients tells.
    Reorder,
    /// A socket was not given one frame.
    SocketGap,
    /// A socket was told another text.
    SocketUntruth,
    /// A row of the read model was left at an older state.
    StaleRow,
    /// A repeat was answered otherwise than the first time.
    OtherAnswer,
    /// The record of an overtaken owner was shown to readers: acknowledged, but the acceptance rule does not count it.
    Overtaken,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Loss,
        Self::LossOfRow,
        Self::Duplicate,
        Self::Reorder,
        Self::SocketGap,
        Self::SocketUntruth,
        Self::StaleRow,
        Self::OtherAnswer,
        Self::Overtaken,
    ];

    /// What the checker must call it.
    #[must_use]
    pub const fn expected(self) -> Kind {
        match self {
            Self::Loss | Self::LossOfRow | Self::Overtaken => Kind::Lost,
            Self::Duplicate => Kind::Doubled,
            Self::Reorder => Kind::Reordered,
            Self::SocketGap => Kind::SocketGap,
            Self::SocketUntruth => Kind::SocketUntrue,
            Self::StaleRow => Kind::Stale,
            Self::OtherAnswer => Kind::Changed,
        }
    }

    /// Puts the defect into the evidence, at a place that the seed chooses. `None` when there is no such place.
    pub fn apply(self, evidence: &mut Evidence, seed: u64) -> Option<()> {
        let mut random = StdRng::seed_from_u64(seed);
        match self {
            Self::Loss => loss(evidence, &mut random),
            Self::LossOfRow => {
                let room = evidence.rooms.iter_mut().filter(|room| !room.messages.is_empty()).choose(&mut random)?;
                room.messages.pop().map(drop)
            }
            Self::Duplicate => duplicate(evidence, &mut random),
            Self::Reorder => reorder(evidence, &mut random),
            Self::SocketGap => {
                let messages = |(_, heard): &(usize, &crate::journal::Heard)| matches!(&heard.what, Told::Frame(frame) if frame.get("message").is_some());
                let (place, _) = evidence.heard.iter().enumerate().filter(messages).choose(&mut random)?;
                evidence.heard.remove(place);
                Some(())
            }
            Self::SocketUntruth => {
                let frames = evidence.heard.iter_mut().filter_map(|heard| match &mut heard.what {
                    Told::Frame(frame) => frame.get_mut("message"),
                    _ => None,
                });
                frames.choose(&mut random)?.as_object_mut()?.insert("text".into(), json!("never said"));
                Some(())
            }
            Self::StaleRow => {
                let rows = evidence.rooms.iter_mut().flat_map(|room| &mut room.messages);
                let row = rows.filter(|row| row.get("editedAt").is_some()).choose(&mut random)?;
                let fields = row.as_object_mut()?;
                fields.remove("editedAt");
                let version = fields.get("version")?.as_u64()?;
                fields.insert("version".into(), json!(version - 1));
                Some(())
            }
            Self::OtherAnswer => {
                let acknowledged = |deed: &&crate::journal::Deed| matches!(deed.outcome, Outcome::Acknowledged { .. });
                let mut repeat = evidence.deeds.iter().filter(acknowledged).choose(&mut random)?.clone();
                if let Outcome::Acknowledged { version, .. } = &mut repeat.outcome {
                    *version += 1;
                }
                evidence.deeds.push(repeat);
                Some(())
            }
            Self::Overtaken => {
                let log = evidence.log.as_mut()?;
                let place = some_sent(log, &mut random)?;
                let record = log.get_mut(place)?;
                record.headers.insert("ce_epoch".into(), "0".into());
                Some(())
            }
        }
    }

    /// Whether the checker finds the defect in otherwise good evidence; with the report for people.
    #[must_use]
    pub fn is_found(self, evidence: &Evidence, seed: u64) -> (bool, Report) {
        let mut wrong = evidence.clone();
        let applied = self.apply(&mut wrong, seed).is_some();
        let report = check(&wrong);
        (applied && report.of(self.expected()) > 0, report)
    }
}

fn is_sent(record: &LogRecord) -> bool {
    record.headers.get("ce_type").is_some_and(|kind| kind == SENT)
}

/// The place of a sent message in the log, of one that counts.
fn some_sent(log: &[LogRecord], random: &mut StdRng) -> Option<usize> {
    let record = effective(log).filter(|record| is_sent(record)).choose(random)?;
    place_of(log, record)
}

fn place_of(log: &[LogRecord], wanted: &LogRecord) -> Option<usize> {
    log.iter().position(|record| std::ptr::eq(record, wanted))
}

/// Removes one record, and moves those behind it up, as if it had never been: no gap is left that would give it away.
fn loss(evidence: &mut Evidence, random: &mut StdRng) -> Option<()> {
    let log = evidence.log.as_mut()?;
    let place = some_sent(log, random)?;
    let gone = log.remove(place);
    let stream = gone.headers.get("ce_subject").cloned();
    let lower = |record: &mut LogRecord, name: &str| {
        let number = record.headers.get(name).and_then(|text| text.parse::<u64>().ok());
        if let Some(number) = number {
            record.headers.insert(name.into(), (number - 1).to_string());
        }
    };
    for record in log.iter_mut().skip(place).filter(|record| (&record.topic, record.partition) == (&gone.topic, gone.partition)) {
        lower(record, "ce_partitionseq");
        if record.headers.get("ce_subject") == stream.as_ref() {
            lower(record, "ce_streamversion");
        }
    }
    Some(())
}

/// Appends an effective copy of a message's record under the next sequence, version and number, and shows it.
fn duplicate(evidence: &mut Evidence, random: &mut StdRng) -> Option<()> {
    let log = evidence.log.as_mut()?;
    let mut copy = log.get(some_sent(log, random)?)?.clone();
    let highest = |log: &[LogRecord], name: &str, of: &dyn Fn(&LogRecord) -> bool| {
        effective(log).filter(|record| of(record)).filter_map(|record| record.headers.get(name)?.parse::<u64>().ok()).max()
    };
    let (topic, partition, stream) = (copy.topic.clone(), copy.partition, copy.headers.get("ce_subject")?.clone());
    let of_partition = move |record: &LogRecord| record.topic == topic && record.partition == partition;
    let of_stream = |record: &LogRecord| record.headers.get("ce_subject") == Some(&stream);
    for (name, value) in [
        ("ce_epoch", highest(log, "ce_epoch", &of_partition)?),
        ("ce_partitionseq", highest(log, "ce_partitionseq", &of_partition)? + 1),
        ("ce_streamversion", highest(log, "ce_streamversion", &of_stream)? + 1),
    ] {
        copy.headers.insert(name.into(), value.to_string());
    }
    let mut body: Value = serde_json::from_str(&copy.value).ok()?;
    let number = evidence.rooms.iter().filter(|room| room.room == stream).map(|room| room.messages.len()).max()? + 1;
    body.as_object_mut()?.insert("number".into(), json!(number));
    copy.value = body.to_string();
    log.push(copy);
    Some(())
}

/// Exchanges two messages of one room, the first of which was acknowledged before the other was asked for: their places in the
/// log and the numbers that were answered, consistently.
fn reorder(evidence: &mut Evidence, random: &mut StdRng) -> Option<()> {
    let mut answers: BTreeMap<Uuid, usize> = BTreeMap::new();
    for deed in &evidence.deeds {
        *answers.entry(deed.key).or_default() += 1;
    }
    let mut by_room: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, deed) in evidence.deeds.iter().enumerate() {
        let is_single = answers.get(&deed.key) == Some(&1) && matches!(deed.outcome, Outcome::Acknowledged { .. });
        if matches!(deed.what, What::Send { .. }) && is_single {
            by_room.entry(&deed.room).or_default().push(place);
        }
    }
    let ends = by_room.values().filter_map(|places| Some((*places.first()?, *places.last()?)));
    let (one, other) = ends.filter(|(one, other)| one != other).choose(random)?;
    let (first, last) = (evidence.deeds.get(one)?.clone(), evidence.deeds.get(other)?.clone());
    evidence.deeds.get_mut(one)?.outcome = last.outcome;
    evidence.deeds.get_mut(other)?.outcome = first.outcome;

    let log = evidence.log.as_mut()?;
    let place = |log: &[LogRecord], key: Uuid| {
        let record = effective(log).find(|record| record.headers.get("ce_commandid") == Some(&key.to_string()))?;
        place_of(log, record)
    };
    let (one, other) = (place(log, first.key)?, place(log, last.key)?);
    let (before, after) = (log.get(one)?.clone(), log.get(other)?.clone());
    exchange(log.get_mut(one)?, &after)?;
    exchange(log.get_mut(other)?, &before)
}

/// Who said what comes from the other record; where it stands stays.
fn exchange(record: &mut LogRecord, other: &LogRecord) -> Option<()> {
    for name in ["ce_commandid", "ce_actor"] {
        record.headers.insert(name.into(), other.headers.get(name)?.clone());
    }
    let own: Value = serde_json::from_str(&record.value).ok()?;
    let mut body: Value = serde_json::from_str(&other.value).ok()?;
    body.as_object_mut()?.insert("number".into(), own.get("number")?.clone());
    record.value = body.to_string();
    Some(())
}
