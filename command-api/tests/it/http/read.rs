//! Read positions.

use command_api::bus::Standing;
use command_api::http::Options;
use domain::room::Role;

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
