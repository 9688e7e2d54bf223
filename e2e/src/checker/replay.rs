//! The log, folded a second time: written from `docs/events.md` alone, so that a mistake in the program's own rule or fold shows.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::evidence::LogRecord;
use super::{Kind, Report};

/// What all effective records of the log amount to.
#[derive(Debug, Default)]
pub struct Replay {
    /// The rooms by id.
    pub rooms: BTreeMap<String, Room>,
    /// What became of each command: stream, key and actor.
    pub commands: BTreeMap<(String, String, String), Done>,
    /// Records that count.
    pub effective: usize,
    /// Records that do not count: of overtaken writers, or of nobody we know.
    pub ignored: usize,
}

/// The effect of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The event's type.
    pub event: String,
    /// The stream's version after it.
    pub version: u64,
    /// The message's number, if it is about one.
    pub number: Option<u64>,
    /// The text, if it has one.
    pub text: Option<String>,
}

/// One room.
#[derive(Debug, Default)]
pub struct Room {
    /// The version of its last event.
    pub version: u64,
    /// Messages by number.
    pub messages: BTreeMap<u64, Message>,
    /// Members and their roles.
    pub members: BTreeMap<String, String>,
    /// By version: the message that an event was about, as it was then (reactions aside).
    pub then: BTreeMap<u64, Value>,
    /// By version: the type of the event.
    pub events: BTreeMap<u64, String>,
}

/// One message.
#[derive(Debug, Default)]
pub struct Message {
    /// What the last event about it says of it.
    facts: Value,
    /// When it was deleted.
    deleted_at: Option<String>,
    /// Who reacted, by emoji.
    reactions: BTreeMap<String, BTreeSet<String>>,
    /// The version of the last event about it.
    pub version: u64,
}

impl Message {
    /// The message as the public surface shows it to somebody who has not reacted; reactions aside.
    #[must_use]
    pub fn without_reactions(&self, room: &str) -> Value {
        let deleted = self.deleted_at.is_some();
        let of = |field: &str| self.facts.get(field).cloned().unwrap_or_default();
        let text = self.facts.pointer("/personal/text").cloned().unwrap_or_default();
        let mentions = if deleted { Value::Null } else { of("mentions") };
        let mut shown = json!({
            "roomId": room, "number": of("number"), "author": of("author"), "sentAt": of("sentAt"), "version": self.version,
            "text": if deleted { Value::Null } else { text },
            "mentions": if mentions.is_null() { json!([]) } else { mentions },
        });
        let mut optional = vec![("replyTo", of("replyTo"))];
        match &self.deleted_at {
            Some(at) => optional.push(("deletedAt", json!(at))),
            None => optional.push(("editedAt", of("editedAt"))),
        }
        if let Some(fields) = shown.as_object_mut() {
            fields.extend(optional.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.into(), value)));
        }
        shown
    }

    /// The message as the public surface shows it to somebody who has not reacted.
    #[must_use]
    pub fn shown(&self, room: &str) -> Value {
        let mut reactions: Vec<_> = self.reactions.iter().map(|(emoji, users)| (emoji, users.len())).collect();
        reactions.retain(|(_, count)| *count > 0 && self.deleted_at.is_none());
        reactions.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
        let rows = reactions.into_iter().map(|(emoji, count)| json!({ "emoji": emoji, "count": count, "mine": false }));
        let mut shown = self.without_reactions(room);
        if let Some(fields) = shown.as_object_mut() {
            fields.insert("reactions".into(), rows.collect());
        }
        shown
    }
}

impl Replay {
    /// Folds the records, which are in the order of their offsets within each partition. What the log itself has wrong goes to
    /// `report`.
    pub fn of(records: &[LogRecord], report: &mut Report) -> Self {
        let mut replay = Self::default();
        for record in effective(records) {
            replay.effective += 1;
            replay.apply(record, report);
        }
        replay.ignored = records.len() - replay.effective;
        replay
    }

    fn apply(&mut self, record: &LogRecord, report: &mut Report) {
        let header = |name: &str| record.headers.get(name).cloned().unwrap_or_default();
        let (event, stream) = (header("ce_type"), header("ce_subject"));
        if event.starts_with("sarangbang.partition.") {
            return;
        }
        let version: u64 = header("ce_streamversion").parse().unwrap_or_default();
        let body: Value = serde_json::from_str(&record.value).unwrap_or_default();
        let number = body.get("number").and_then(Value::as_u64);
        let text = body.pointer("/personal/text").and_then(Value::as_str).map(str::to_owned);
        let key = (stream.clone(), header("ce_commandid"), header("ce_actor"));
        let done = Done { event: event.clone(), version, number, text };
        if let Some(first) = self.commands.insert(key.clone(), done) {
            report.find(
                Kind::Doubled,
                format!("{stream}: the command {} of {} made versions {} and {version}", key.1, key.2, first.version),
            );
        }
        if record.topic.ends_with(".rooms.v1") {
            self.rooms.entry(stream.clone()).or_default().apply(&stream, &event, version, &body, report);
        }
    }
}

impl Room {
    fn apply(&mut self, id: &str, event: &str, version: u64, body: &Value, report: &mut Report) {
        if version != self.version + 1 {
            report.find(Kind::Gap, format!("{id}: version {version} follows {} in the log", self.version));
        }
        self.version = version;
        self.events.insert(version, event.to_owned());
        let of = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let event = event.strip_prefix("sarangbang.room.").unwrap_or(event);
        match event {
            "created.v1" | "members-added.v1" => {
                for member in body.get("members").and_then(Value::as_array).into_iter().flatten() {
                    self.member(member);
                }
            }
            "member-joined.v1" | "role-changed.v1" => self.member(body),
            "member-left.v1" | "member-removed.v1" => {
                self.members.remove(&of("userId"));
            }
            "message-sent.v1" | "message-edited.v1" | "message-deleted.v1" | "reaction-added.v1" | "reaction-removed.v1" => {
                self.message(id, event, version, body, report);
            }
            _ => {}
        }
    }

    fn member(&mut self, member: &Value) {
        let of = |field: &str| member.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        self.members.insert(of("userId"), of("role"));
    }

    fn message(&mut self, id: &str, event: &str, version: u64, body: &Value, report: &mut Report) {
        let of = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = body.get("number").and_then(Value::as_u64).unwrap_or_default();
        let last = self.messages.last_key_value().map_or(0, |(last, _)| *last);
        let expected = if event == "message-sent.v1" { number == last + 1 } else { self.messages.contains_key(&number) };
        if !expected {
            report.find(Kind::Gap, format!("{id}: {event} about message {number}, the last one is {last}"));
        }
        let message = self.messages.entry(number).or_default();
        message.version = version;
        message.facts = body.clone();
        match event {
            "message-deleted.v1" => message.deleted_at = Some(of("deletedAt")),
            "reaction-added.v1" => {
                message.reactions.entry(of("emoji")).or_default().insert(of("userId"));
            }
            "reaction-removed.v1" => {
                message.reactions.entry(of("emoji")).or_default().remove(&of("userId"));
            }
            _ => {}
        }
        self.then.insert(version, message.without_reactions(id));
    }
}

/// The records that count, in their order.
pub(super) fn effective(records: &[LogRecord]) -> impl Iterator<Item = &LogRecord> {
    // By partition: the epoch that was claimed last, the last sequence that counted.
    let mut folded: BTreeMap<(&str, i32), (u64, u64)> = BTreeMap::new();
    records.iter().filter(move |record| {
        let (epoch, last) = folded.entry((record.topic.as_str(), record.partition)).or_default();
        counts(record, epoch, last)
    })
}

/// The acceptance rule as published: a claim of the next epoch, or exactly the current epoch and the next sequence.
fn counts(record: &LogRecord, epoch: &mut u64, last: &mut u64) -> bool {
    let number = |name: &str| record.headers.get(name).and_then(|text| text.parse::<u64>().ok());
    let (Some(event), Some(claimed)) = (record.headers.get("ce_type"), number("ce_epoch")) else { return false };
    if event == "sarangbang.partition.claimed.v1" {
        let begins = Some(claimed) == epoch.checked_add(1);
        *epoch += u64::from(begins);
        return begins;
    }
    let next = claimed == *epoch && claimed > 0 && number("ce_partitionseq") == Some(*last + 1);
    *last += u64::from(next);
    next
}
