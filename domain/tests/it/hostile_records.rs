//! Records that anybody may have put into the topics: judged and refused, never a panic.

use domain::acceptance::Mark;
use domain::ids::EventTopic;
use domain::room::Message;
use domain::text::Emoji;
use domain::wire::{DecodeError, Entry, Record};
use proptest::prelude::*;

use crate::samples;

fn sample(name: &str) -> Record {
    samples::records().into_iter().find(|(found, _)| found == name).unwrap().1
}
fn with(mut record: Record, header: &str, value: &str) -> Record {
    for (name, old) in &mut record.headers {
        if name == header {
            *old = value.as_bytes().to_vec();
        }
    }
    record
}
const SENT: &str = "sarangbang.room.message-sent.v1";

#[test]
fn numbers_that_no_database_could_hold_are_foreign() {
    let record = sample(SENT);
    assert_eq!(record.mark(), Mark::Numbered { epoch: 4, sequence: 11 });
    for number in ["9223372036854775808", "18446744073709551616", "-1", "", "x", "1.5"] {
        assert_eq!(with(record.clone(), "ce_epoch", number).mark(), Mark::Foreign, "{number}");
        assert_eq!(with(record.clone(), "ce_partitionseq", number).mark(), Mark::Foreign, "{number}");
        assert_eq!(with(sample(domain::wire::CLAIMED), "ce_epoch", number).mark(), Mark::Foreign, "{number}");
    }
    let version = with(record, "ce_streamversion", "9223372036854775808");
    assert_eq!(version.decode(EventTopic::Rooms), Err(DecodeError::Misplaced));
}

#[test]
fn key_subject_topic_and_type_belong_together() {
    let record = sample(SENT);
    let other_key = Record { key: b"8a5f0000-0000-4000-8000-000000000000".to_vec(), ..record.clone() };
    assert_eq!(other_key.decode(EventTopic::Rooms), Err(DecodeError::Misplaced));
    assert!(record.decode(EventTopic::Users).is_err());
    let user_event = sample("sarangbang.user.deactivated.v1");
    assert_eq!(with(user_event.clone(), "ce_subject", "ALICE").decode(EventTopic::Users).map(|_| ()), Ok(()), "ids are folded");
    let mut disguised = with(user_event, "ce_subject", &String::from_utf8_lossy(&record.key));
    disguised.key = record.key;
    assert_eq!(disguised.decode(EventTopic::Rooms), Err(DecodeError::Misplaced));
}

#[test]
fn errors_repeat_no_words_of_people_and_not_much_of_anything() {
    let mut record = sample(SENT);
    record.value = br#"{"number":1,"author":"secret words","sentAt":"x","personal":{"text":"secret words"}}"#.to_vec();
    let error = record.decode(EventTopic::Rooms).unwrap_err().to_string();
    assert!(error.contains("message-sent") && !error.contains("secret"), "{error}");
    let error = with(record, "ce_type", &"x".repeat(100_000)).decode(EventTopic::Rooms).unwrap_err();
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn deep_nesting_ends_in_an_error() {
    let mut record = sample(SENT);
    record.value = "[".repeat(1_000_000).into_bytes();
    assert!(matches!(record.decode(EventTopic::Rooms), Err(DecodeError::BadBody { .. })));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        index in 0..samples::records().len(),
        header in any::<prop::sample::Index>(),
        value in prop::collection::vec(any::<u8>(), 0..40),
        body in prop::option::of(prop::collection::vec(any::<u8>(), 0..200)),
        cut in any::<prop::sample::Index>(),
    ) {
        let (_, mut record) = samples::records().swap_remove(index);
        let at = header.index(record.headers.len());
        record.headers[at].1 = value;
        match body {
            Some(body) => record.value = body,
            None => record.value.truncate(cut.index(record.value.len() + 1)),
        }
        let _ = (record.mark(), record.claim(), record.size_bytes());
        for topic in EventTopic::ALL {
            let _ = record.decode(topic);
        }
    }
}

/// What forms one emoji changes with Unicode; what stands in the log stays readable all the same.
#[test]
fn a_stored_reaction_is_read_even_where_it_would_not_be_taken_today() {
    let mut record = sample("sarangbang.room.reaction-added.v1");
    let body = String::from_utf8(record.value.clone()).unwrap();
    record.value = body.replace("❤️", "👍👍").into_bytes();
    let Ok(Entry::Event(envelope)) = record.decode(EventTopic::Rooms) else { panic!("it is not read") };
    let domain::Event::Room(event) = &envelope.event else { panic!("{envelope:?}") };
    assert_eq!(Record::of_event(&envelope).value, record.value);
    let message = Message::evolve(None, event).unwrap();
    let stored = serde_json::to_vec(&message).unwrap();
    assert_eq!(serde_json::from_slice::<Message>(&stored).unwrap(), message);
    assert!(serde_json::from_str::<Emoji>("\"👍👍\"").is_err(), "nobody can react like this any more");
    record.value = body.replace("❤️", "").into_bytes();
    assert!(record.decode(EventTopic::Rooms).is_err());
}
