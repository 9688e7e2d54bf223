//! Read positions.

use std::sync::Arc;
use std::time::Duration;

use command_api::bus::Standing;
use command_api::http::{LogReadPositions, Options, ReadPosition, ReadPositions as _};
use domain::Timestamp;
use domain::room::Role;
use infra::log::{Topic, embedded, partition_for};

use super::{ROOM, Service, user};

fn service(standing: Option<Standing>) -> Service {
    Service::with(Options::default(), standing)
}

#[tokio::test]
async fn a_member_reads_as_far_as_there_are_messages() {
    let service = service(Some(Standing { role: Some(Role::Member), last_number: 5 }));
    let path = format!("/chat/rooms/{ROOM}/read");
    let answer = service.ask("PUT", &path, r#"{"number": 5}"#).await;
    assert_eq!((answer.status, &answer.body["number"]), (200, &5.into()));
    assert!(!answer.headers.contains_key("read-token"));
    assert_eq!(service.ask("PUT", &path, r#"{"number": 6}"#).await.pointer(), "/number");
    let positions = service.bus.positions.lock().unwrap();
    assert_eq!(positions.len(), 1);
    assert_eq!((&positions[0].user_id, positions[0].number), (&user("alice"), 5));
}

#[tokio::test]
async fn a_stranger_does_not_learn_whether_the_room_exists() {
    for standing in [None, Some(Standing { role: None, last_number: 5 })] {
        let service = service(standing);
        let answer = service.ask("PUT", &format!("/chat/rooms/{ROOM}/read"), r#"{"number": 1}"#).await;
        assert_eq!(answer.code(), (404, "room-not-found"));
        assert!(service.nothing_was_executed());
    }
}

#[tokio::test]
async fn a_position_stands_in_the_topic_under_room_and_person() {
    let folder = tempfile::tempdir().unwrap();
    let log = embedded::open(&folder.path().join("log"), embedded::Options::default()).unwrap();
    let positions = LogReadPositions::new(Arc::clone(&log));
    for number in [4, 5] {
        let at = Timestamp::from_millis(1_100_521_080_000).unwrap();
        positions.record(ReadPosition { room_id: ROOM.parse().unwrap(), user_id: user("alice"), number, at }).await.unwrap();
    }
    let key = format!("{ROOM}/alice");
    let mut tail = log.tail(partition_for(log.as_ref(), Topic::Reads, &key), 0).await.unwrap();
    let records = tail.next(10, Duration::from_secs(10)).await.unwrap();
    let last = &records.last().unwrap().record;
    assert_eq!(last.key, key.as_bytes());
    let value: serde_json::Value = serde_json::from_slice(&last.value).unwrap();
    assert_eq!(value, serde_json::json!({"roomId": ROOM, "userId": "alice", "number": 5, "at": "2004-11-15T12:18:00.000Z"}));
}
