//! What stands in the log stays readable: `tests/golden/` holds a whole record of every type that was ever written.
//!
//! A golden file is never changed. Where this test fails, the stored form has changed: make a new version of the type (see
//! `domain::upcast`), so that the old file is read through a step and the new version has a file of its own.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use domain::ids::EventTopic;
use domain::wire::{BARRIER, CLAIMED, EVENT_TYPES, Entry, Record};

use crate::samples;

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden"].iter().collect()
}

/// A record as a person can read it, with the body exactly as it is.
pub fn written(record: &Record) -> String {
    let string = |bytes: &[u8]| serde_json::to_string(std::str::from_utf8(bytes).unwrap()).unwrap();
    let mut text = format!("{{\n  \"key\": {},\n  \"headers\": {{\n", string(&record.key));
    for (index, (name, value)) in record.headers.iter().enumerate() {
        let comma = if index + 1 < record.headers.len() { "," } else { "" };
        writeln!(text, "    \"{name}\": {}{comma}", string(value)).unwrap();
    }
    writeln!(text, "  }},\n  \"value\": {}\n}}", std::str::from_utf8(&record.value).unwrap()).unwrap();
    text
}

/// The record that a golden file holds.
pub fn read(text: &str) -> Record {
    let whole: serde_json::Value = serde_json::from_str(text).expect("a golden file is JSON");
    let key = whole["key"].as_str().unwrap().as_bytes().to_vec();
    let headers = text.lines().filter_map(|line| line.strip_prefix("    \"")).map(|line| {
        let (name, value) = line.split_once("\": ").unwrap();
        let value: String = serde_json::from_str(value.trim_end_matches(',')).unwrap();
        (name.to_owned().into(), value.into_bytes())
    });
    let value = text.lines().find_map(|line| line.strip_prefix("  \"value\": ")).unwrap().as_bytes().to_vec();
    Record { key, headers: headers.collect(), value }
}

fn topic_of(event_type: &str) -> EventTopic {
    let of_people = ["sarangbang.user.", "sarangbang.relation."].iter().any(|kind| event_type.starts_with(kind));
    if of_people { EventTopic::Users } else { EventTopic::Rooms }
}

#[test]
fn every_type_is_written_as_it_always_was() {
    for (name, record) in samples::records() {
        let path = folder().join(format!("{name}.json"));
        let now = written(&record);
        if !path.exists() && std::env::var_os("SARANGBANG_WRITE_GOLDEN").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|_| {
            panic!("{} is missing; for a new type, run the test once with SARANGBANG_WRITE_GOLDEN=1", path.display())
        });
        assert_eq!(now, golden, "the stored form of {name} has changed: make a new version instead (see domain::upcast)");
    }
}

#[test]
fn every_record_ever_written_is_read_and_the_current_ones_are_written_back_to_the_byte() {
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let record = read(&text);
        assert_eq!(written(&record), text, "{}", path.display());
        let event_type = record.header("ce_type").unwrap();
        seen.insert(event_type.to_owned());
        match record.decode(topic_of(event_type)).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            Entry::Event(envelope) if EVENT_TYPES.contains(&event_type) => {
                assert_eq!(written(&Record::of_event(&envelope)), text, "{}", path.display());
            }
            Entry::Event(old) => assert!(EVENT_TYPES.contains(&old.event.type_name()), "{}", path.display()),
            Entry::Claim { epoch, claim } => {
                let time = record.header("ce_time").unwrap().parse().unwrap();
                assert_eq!(written(&Record::of_claim(samples::PARTITION, epoch, &claim, time)), text);
            }
            Entry::Barrier => assert_eq!(event_type, BARRIER),
        }
    }
    let missing: Vec<_> = EVENT_TYPES.iter().chain([&CLAIMED, &BARRIER]).filter(|name| !seen.contains(**name)).collect();
    assert!(missing.is_empty(), "no golden file for {missing:?}");
}

#[test]
fn personal_words_stand_under_personal_alone() {
    for (name, record) in samples::records() {
        let mut body: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        if let Some(body) = body.as_object_mut() {
            body.remove("personal");
        }
        let rest = body.to_string();
        for word in ["안녕", "사랑방", "tea", "Alice Kim", "away"] {
            assert!(!rest.contains(word), "{name} has {word:?} outside of `personal`: {rest}");
        }
    }
}
