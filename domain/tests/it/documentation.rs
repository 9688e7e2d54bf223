//! `docs/events.md` is what other programs are written against: it must say what is so.

use std::collections::BTreeSet;
use std::path::PathBuf;

use domain::saga::MESSAGE_TYPES;
use domain::wire::{BARRIER, CLAIMED, EVENT_TYPES};
use serde_json::Value;

use crate::{sagas, samples};

/// What stands before the type names of messages between services.
const SAGA: &str = "sarangbang.saga.";

/// The rows of the table: type, payload fields, who may cause it.
fn rows() -> Vec<(String, BTreeSet<String>, String)> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs", "events.md"].iter().collect();
    let text = std::fs::read_to_string(&path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| `sarangbang.")?.trim_end_matches(" |").split(" | ").collect();
        let [name, payload, who] = cells[..] else { panic!("{line}: a row has three cells") };
        let fields = payload.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Some((format!("sarangbang.{}", name.trim_end_matches('`')), fields, who.to_owned()))
    };
    text.lines().filter_map(row).collect()
}

/// The paths of a body's fields: `personal.text`, `members[].userId`.
fn fields(body: &Value, path: &str, into: &mut BTreeSet<String>) {
    match body {
        Value::Object(inner) => {
            for (name, value) in inner {
                fields(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                fields(item, &format!("{path}[]"), into);
            }
        }
        _ => drop(into.insert(path.to_owned())),
    }
}

#[test]
fn every_message_of_a_saga_is_documented_with_its_fields_and_who_says_it() {
    let (rows, messages) = (rows(), sagas::samples());
    let rows: Vec<_> = rows.iter().filter(|(name, ..)| name.starts_with(SAGA)).collect();
    assert!(rows.iter().map(|(name, ..)| name.as_str()).eq(MESSAGE_TYPES.iter().copied()), "in the order of MESSAGE_TYPES");
    for ((name, documented, who), message) in rows.into_iter().zip(messages) {
        let mut written = BTreeSet::new();
        fields(&serde_json::from_slice(&message.to_record().value).unwrap(), "", &mut written);
        assert_eq!(documented, &written, "the payload of {name} in docs/events.md");
        assert!(!who.trim().is_empty(), "{name}: who says it?");
    }
}

#[test]
fn every_event_is_documented_with_its_fields_and_who_may_cause_it() {
    let mut rows = rows();
    rows.retain(|(name, ..)| !name.starts_with(SAGA));
    let documented: Vec<&str> = rows.iter().map(|(name, ..)| name.as_str()).collect();
    let written: Vec<&str> = [CLAIMED, BARRIER].into_iter().chain(EVENT_TYPES.iter().copied()).collect();
    assert_eq!(documented, written, "the rows of docs/events.md, in the order of EVENT_TYPES");
    for (name, documented, who) in &rows {
        let (_, record) = samples::records().into_iter().find(|(sample, _)| sample == name).unwrap();
        let mut written = BTreeSet::new();
        fields(&serde_json::from_slice(&record.value).unwrap(), "", &mut written);
        assert_eq!(documented, &written, "the payload of {name} in docs/events.md");
        assert!(!who.trim().is_empty(), "{name}: who may cause it?");
    }
}
