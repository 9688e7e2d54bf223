use domain::room::{Kind, Role, Status};

use super::*;
use crate::dto::{Presence, Reaction};

fn room() -> RoomId {
    "0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b".parse().unwrap()
}
fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}
fn time(raw: &str) -> Timestamp {
    raw.parse().unwrap()
}

/// One of each server frame, in the order of the table.
fn server_frames() -> Vec<ServerFrame> {
    let room = room();
    let message = Message {
        room_id: room,
        number: 640,
        author: user("ann"),
        sent_at: time("2026-11-22T14:03:07.125Z"),
        text: Some("Hello, @bob".to_owned()),
        reply_to: Some(639),
        mentions: vec![user("bob")],
        edited_at: None,
        deleted_at: None,
        reactions: vec![Reaction { emoji: "👍".to_owned(), count: 2, mine: true }],
        version: 812,
    };
    let details = RoomDetails {
        room_id: room,
        kind: Kind::Public,
        status: Status::Open,
        name: Some("kitchen".to_owned()),
        topic: String::new(),
        created_by: user("ann"),
        created_at: time("2026-11-22T14:00:00.000Z"),
    };
    let members = vec![
        Membership { user_id: user("bob"), role: Some(Role::Moderator), joined_at: Some(time("2026-11-22T14:01:00.000Z")) },
        Membership { user_id: user("cid"), role: None, joined_at: None },
    ];
    let seen_at = Some(time("2026-11-22T14:03:09.000Z"));
    let people = vec![
        PersonPresence::of(user("bob"), Presence { state: PresenceState::Online, last_seen_at: None }),
        PersonPresence::of(user("cid"), Presence { state: PresenceState::Offline, last_seen_at: seen_at }),
    ];
    vec![
        ServerFrame::Subscribed { room, version: 811 },
        ServerFrame::Message { room, previous_version: 811, version: 812, message },
        ServerFrame::Room { room, previous_version: 812, version: 813, details, members: Vec::new() },
        ServerFrame::Member { room, previous_version: 813, version: 814, members },
        ServerFrame::Read { room, user_id: user("bob"), number: 640 },
        ServerFrame::Typing { room, user_id: user("bob"), at: time("2026-11-22T14:03:09.000Z") },
        ServerFrame::Presence { people },
        ServerFrame::Resync { room, reason: ResyncReason::TooFarBehind },
        ServerFrame::room_error(ErrorCode::RoomNotFound, room),
        ServerFrame::Authenticated { expires_at: time("2026-11-22T15:03:07.125Z") },
        ServerFrame::Pong {},
    ]
}

#[test]
fn the_examples_are_what_the_server_says_byte_for_byte() {
    let examples: Vec<_> = FRAMES.iter().filter(|(from, ..)| *from == From::Server).collect();
    let frames = server_frames();
    assert_eq!(examples.len(), frames.len());
    for ((_, name, example), frame) in examples.into_iter().zip(frames) {
        assert_eq!(frame.to_text().as_str(), *example);
        let json: serde_json::Value = serde_json::from_str(example).unwrap();
        assert_eq!(json["type"], **name);
    }
}

#[test]
fn the_examples_are_what_the_server_understands() {
    let expected = [
        ClientFrame::Subscribe { room: room(), after_version: Some(811) },
        ClientFrame::Unsubscribe { room: room() },
        ClientFrame::Typing { room: room() },
        ClientFrame::Presence { state: Shown::Away },
        ClientFrame::Ping {},
        ClientFrame::Authenticate { token: Secret("eyJhbGciOiJFZERTQSJ9.e30.c2ln".to_owned()) },
    ];
    let examples: Vec<_> = FRAMES.iter().filter(|(from, ..)| *from == From::Client).collect();
    assert_eq!(examples.len(), expected.len());
    for ((_, _, example), frame) in examples.into_iter().zip(expected) {
        assert_eq!(serde_json::from_str::<ClientFrame>(example).unwrap(), frame);
    }
}

#[test]
fn what_is_not_of_the_protocol_is_refused() {
    for hostile in [
        "",
        "[]",
        "null",
        r#"{"type":"drop"}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","room":"x"}"#,
        r#"{"type":"subscribe","room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b","afterVersion":-1}"#,
        r#"{"type":"ping","extra":1}"#,
        r#"{"type":"presence"}"#,
        r#"{"type":"presence","state":"offline"}"#,
        r#"{"type":"presence","state":"online","userId":"bob"}"#,
        r#"{"room":"0b3f3c1e-7d0a-5d0e-9b43-0f6a1f1d2c3b"}"#,
    ] {
        assert!(serde_json::from_str::<ClientFrame>(hostile).is_err(), "{hostile}");
    }
}

#[test]
fn a_token_is_not_shown() {
    let frame = ClientFrame::Authenticate { token: Secret("private".to_owned()) };
    assert!(!format!("{frame:?}").contains("private"));
}
