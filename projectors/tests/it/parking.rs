//! What cannot be applied is parked: it neither blocks nor vanishes, and a later retry goes back to nothing older.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::ids::EventTopic;
use domain::wire::{Entry, Record};
use infra::log::{Log, Topic, TopicPartition};
use infra::read_model::{Changes, Fault, Timeline};
use serde_json::Value;

use crate::faulty::{Act, Faulty};
use crate::stage::{Owner, PATIENCE, ROOMS, Running, Stage, created, edited, id, room_id, sent};

/// A database that refuses one text, as a real one may refuse a value that nobody thought of.
fn refuses_poison(changes: &Changes) -> Act {
    let poisoned = changes.messages.values().any(|row| row.text.as_deref().is_some_and(|text| text.contains("poison")));
    if poisoned { Act::Fail(Fault::Rejected("no poison here".to_owned())) } else { Act::Pass }
}

async fn parked(log: &dyn Log) -> Vec<Value> {
    let partition = TopicPartition { topic: Topic::Parked, partition: 0 };
    let end = log.end(partition).await.unwrap();
    let mut tail = log.tail(partition, 0).await.unwrap();
    let mut found = Vec::new();
    while (found.len() as u64) < end {
        let records = tail.next(100, PATIENCE).await.unwrap();
        found.extend(records.iter().map(|stored| serde_json::from_slice(&stored.record.value).unwrap()));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn culprits_are_found_in_a_batch_and_the_rest_goes_on() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga", "mia"])).await;
    let mut expected = Vec::new();
    for number in 1..=20_u64 {
        let offset = if number == 14 {
            // Effective, but of a type that a later version may know.
            let envelope = owner.next(sent(1, 14, "unreadable", &[]));
            let mut record = Record::of_event(&envelope);
            for (name, value) in &mut record.headers {
                if name == "ce_type" {
                    *value = b"sarangbang.room.dreamt-of.v1".to_vec();
                }
            }
            owner.raw(record).await
        } else {
            let text = if [1, 8, 9, 20].contains(&number) { format!("poison {number}") } else { format!("message {number}") };
            owner.event(sent(1, number, &text, &[])).await
        };
        if [1, 8, 9, 14, 20].contains(&number) {
            expected.push((offset, number + 1));
        }
    }
    let timeline = stage.timeline("picky").await;
    let picky: Arc<dyn Timeline> = Faulty::new(&timeline, |changes, _, _| refuses_poison(changes));
    let running = Running::start(&stage.log, &picky, 1_000);
    running.catch_up(&*stage.log).await;
    owner.event(sent(1, 21, "after all that", &[])).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;

    let numbers = timeline.messages(room_id(1), infra::read_model::Direction::After(0), 100, &id("mia")).await.unwrap();
    let numbers: Vec<u64> = numbers.items.iter().map(|message| message.number).collect();
    assert_eq!(numbers, [2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 15, 16, 17, 18, 19, 21]);
    let mut parked = parked(&*stage.log).await;
    parked.sort_by_key(|parked| parked["offset"].as_u64());
    let places: Vec<_> =
        parked.iter().map(|parked| (parked["offset"].as_u64().unwrap(), parked["sequence"].as_u64().unwrap())).collect();
    assert_eq!(places, expected);
    for parked in &parked {
        assert_eq!((&parked["topic"], &parked["partition"]), (&Value::from("rooms.v1"), &Value::from(0)));
        assert_eq!((&parked["projection"], &parked["epoch"]), (&Value::from("timeline"), &Value::from(1)));
    }
    assert_eq!(parked[0]["error"], "no poison here");
    assert!(parked[3]["error"].as_str().unwrap().contains("dreamt-of"));
    assert_eq!(timeline.checkpoint(ROOMS).await.unwrap().next_offset, stage.log.end(ROOMS).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_parked_is_retried_without_going_back_in_time() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga", "mia"])).await;
    owner.event(sent(1, 1, "poison @mia", &["mia"])).await;
    owner.event(sent(1, 2, "poison too", &[])).await;
    owner.event(edited(1, 1, "cured", &["mia"])).await;
    let timeline = stage.timeline("picky").await;
    let picky: Arc<dyn Timeline> = Faulty::new(&timeline, |changes, _, _| refuses_poison(changes));
    let running = Running::start(&stage.log, &picky, 1_000);
    running.catch_up(&*stage.log).await;
    running.stop().await;
    // Message 1 was edited in the same batch: only its latest row is ever written there, so it may or may not have been parked.
    let parked = parked(&*stage.log).await;
    assert!(parked.iter().any(|parked| parked["offset"] == 3), "{parked:?}");

    for parked in &parked {
        let record = &parked["record"];
        let headers = record["headers"].as_array().unwrap().iter();
        let headers = headers.map(|pair| (pair[0].as_str().unwrap().to_owned().into(), pair[1].as_str().unwrap().into()));
        let value = STANDARD.decode(record["value"].as_str().unwrap()).unwrap();
        let key = record["key"].as_str().unwrap().into();
        let Entry::Event(envelope) = (Record { key, headers: headers.collect(), value }).decode(EventTopic::Rooms).unwrap()
        else {
            panic!("an event was parked");
        };
        let mut changes = Changes::default();
        projectors::timeline::project(&envelope, &mut changes);
        let at = timeline.checkpoint(ROOMS).await.unwrap();
        timeline.apply(&changes, ROOMS, at, at).await.unwrap();
    }
    let one = timeline.message(room_id(1), 1, &id("mia")).await.unwrap().unwrap();
    assert_eq!((one.text.as_deref(), one.mentions.len(), one.version), (Some("cured"), 0, 4));
    let two = timeline.message(room_id(1), 2, &id("mia")).await.unwrap().unwrap();
    assert_eq!((two.text.as_deref(), two.version), (Some("poison too"), 3));
    assert_eq!(timeline.mentions_of(&id("mia"), None, 10).await.unwrap().items, []);
    let seen = timeline.room_for(room_id(1), &id("mia")).await.unwrap().unwrap();
    assert_eq!((seen.version, seen.last_number), (4, 2));
}
