//! What each route makes of a good request.

use command_api::bus::Fault;
use domain::command::Body;
use domain::ids::Pair;
use domain::relation::Command as Relation;
use domain::room::{Command as Room, Kind, Refusal, Role};
use domain::{CommandId, RoomId, StreamId, user as users};
use serde_json::json;

use super::{FOE, ROOM, Reply, Service, user};

/// Asks as alice, expects 200 or 201, and gives the command back.
async fn command(method: &str, path: &str, body: &str) -> domain::Command {
    let service = Service::new();
    let answer = service.ask(method, path, body).await;
    assert!(matches!(answer.status, 200 | 201), "{method} {path} {body}: {answer:?}");
    let command = service.only_command();
    assert_eq!(command.actor, user("alice"));
    assert_eq!(command.hash, command.body.canonical_hash(&command.stream));
    command
}
async fn of_room(method: &str, path: &str, body: &str) -> Room {
    let command = command(method, &format!("/chat/rooms/{ROOM}{path}"), body).await;
    assert_eq!(command.stream.to_string(), ROOM);
    let Body::Room(command) = command.body else { unreachable!("{method} {path} is for a room") };
    command
}

#[tokio::test]
async fn a_sent_message_is_answered_with_where_it_is_and_how_to_read_it() {
    let service = Service::new();
    let (token, key) = (service.token("alice", domain::Scope::default()), "01890a5d-ac96-774b-bcce-b302099a8057");
    let headers = [("authorization", token.as_str()), ("idempotency-key", key), ("traceparent", TRACE)];
    let answer = service.ask_with("POST", &format!("/chat/rooms/{ROOM}/messages"), &headers, br#"{"text": "hi @bob"}"#).await;
    assert_eq!(answer.status, 201);
    let header = |name: &str| answer.headers[name].to_str().unwrap();
    assert_eq!(header("location"), format!("/chat/rooms/{ROOM}/messages/5"));
    assert_eq!((header("read-token"), header("idempotency-key"), header("cache-control")), ("r3.812", key, "no-store"));
    assert_eq!(
        answer.body,
        json!({"roomId": ROOM, "number": 5, "version": 7, "at": "2004-11-15T12:18:00.000Z", "changed": true})
    );
    let command = service.only_command();
    assert_eq!((command.id.to_string().as_str(), command.correlation_id.to_string().as_str()), (key, key));
    assert!(command.traceparent.unwrap().starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    let Body::Room(Room::SendMessage { text, reply_to: None, mentions, facts, sent_at: None }) = command.body else { panic!() };
    assert_eq!((text.as_str(), mentions), ("hi @bob", vec![user("bob")]));
    assert!(facts.is_empty(), "there is no block between the two");
}
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_room_is_made_under_an_id_that_a_repeat_finds_again() {
    let made = command("POST", "/chat/rooms", r#"{"kind": "private", "name": "Tea", "members": ["bob", "nobody"]}"#).await;
    assert_eq!(made.stream, StreamId::Room(RoomId::of_creation(&user("alice"), made.id)));
    let Body::Room(Room::Create { kind: Kind::Private, members, facts, .. }) = made.body else { panic!() };
    assert_eq!(members, [user("bob"), user("nobody")]);
    assert_eq!(facts.active_users.into_iter().collect::<Vec<_>>(), [user("bob")]);

    for members in [r#"["bob"]"#, r#"["bob", "Alice", "Bob"]"#] {
        let direct = command("POST", "/chat/rooms", &format!(r#"{{"kind": "direct", "members": {members}}}"#)).await;
        assert_eq!(direct.stream, StreamId::Room(RoomId::of_direct(&user("alice"), &user("bob"))));
    }
}

#[tokio::test]
async fn a_direct_room_that_exists_already_is_not_made_again() {
    let service = Service::new();
    service.answer_with(Reply::Unchanged);
    let answer = service.ask("POST", "/chat/rooms", r#"{"kind": "direct", "members": ["bob"]}"#).await;
    assert_eq!((answer.status, &answer.body["changed"]), (200, &json!(false)));
    assert!(answer.headers.contains_key("location"));
    for members in ["[]", r#"["alice"]"#, r#"["bob", "길동"]"#] {
        let answer = service.ask("POST", "/chat/rooms", &format!(r#"{{"kind": "direct", "members": {members}}}"#)).await;
        assert_eq!(answer.code(), (422, "direct-needs-one-other"), "{members}");
    }
}

#[tokio::test]
async fn a_crowd_is_refused_before_its_owners_are_asked() {
    let service = Service::new();
    let crowd: Vec<_> = (0..=domain::room::MEMBERS_ADDED_MAX).map(|n| format!("u{n}")).collect();
    let body = json!({"kind": "public", "name": "Tea", "members": crowd}).to_string();
    assert_eq!(service.ask("POST", "/chat/rooms", &body).await.code(), (422, "too-many-added"));
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn every_room_route_makes_its_command() {
    assert!(matches!(of_room("PATCH", "", r#"{"name": "Tea"}"#).await, Room::Rename { .. }));
    assert!(matches!(of_room("PATCH", "", r#"{"topic": ""}"#).await, Room::SetTopic { .. }));
    assert!(matches!(of_room("POST", "/archive", "").await, Room::Archive));
    assert!(matches!(of_room("PUT", "/members/me", "").await, Room::Join { joined_at: None }));
    assert!(matches!(of_room("PUT", "/members/Alice", "{}").await, Room::Join { .. }));
    let Room::AddMembers { users, facts, .. } = of_room("PUT", "/members/%EA%B8%B8%EB%8F%99", "").await else { panic!() };
    assert_eq!((users, facts.active_users.len()), (vec![user("길동")], 1));
    assert!(matches!(of_room("DELETE", "/members/me", "").await, Room::Leave));
    assert!(matches!(of_room("DELETE", "/members/alice", "").await, Room::Leave));
    assert!(matches!(of_room("DELETE", "/members/bob", "").await, Room::RemoveMember { user: gone } if gone == user("bob")));
    let Room::ChangeRole { user: whom, role: Role::Moderator } =
        of_room("PATCH", "/members/bob", r#"{"role": "moderator"}"#).await
    else {
        panic!()
    };
    assert_eq!(whom, user("bob"));
    assert!(
        matches!(of_room("PATCH", "/members/me", r#"{"role": "member"}"#).await, Room::ChangeRole { user: me, .. } if me == user("alice"))
    );
    assert!(matches!(of_room("PATCH", "/messages/4", r#"{"text": "better"}"#).await, Room::EditMessage { number: 4, .. }));
    assert!(matches!(of_room("DELETE", "/messages/4", "").await, Room::DeleteMessage { number: 4 }));
    let thumb = "/messages/4/reactions/%F0%9F%91%8D";
    assert!(matches!(of_room("PUT", thumb, "").await, Room::AddReaction { number: 4, emoji } if emoji.as_str() == "👍"));
    assert!(matches!(of_room("DELETE", thumb, "").await, Room::RemoveReaction { number: 4, .. }));
}

#[tokio::test]
async fn what_belongs_to_a_person_goes_to_the_persons_own_stream() {
    let muted = command("PATCH", &format!("/chat/rooms/{ROOM}/members/me"), r#"{"muted": true}"#).await;
    assert_eq!(muted.stream, StreamId::User(user("alice")));
    assert!(matches!(muted.body, Body::User(users::Command::SetMuted { muted: true, .. })));
    let changed = command("PATCH", "/chat/people/me", r#"{"userName": "Alice L.", "statusText": ""}"#).await;
    assert_eq!(changed.stream, StreamId::User(user("alice")));
    assert!(matches!(changed.body, Body::User(users::Command::ChangeProfile { user_name: Some(_), status_text: Some(_) })));
    let hidden = command("PATCH", "/chat/people/me", r#"{"presenceHidden": true}"#).await;
    assert_eq!(hidden.stream, StreamId::User(user("alice")));
    assert!(matches!(hidden.body, Body::User(users::Command::SetVisibility { presence_hidden: true })));
}

#[tokio::test]
async fn what_is_between_two_people_goes_to_the_stream_of_the_two() {
    let pair = StreamId::Relation(Pair::of(&user("alice"), &user("bob")).unwrap());
    for (method, path, expected) in [
        ("PUT", "/chat/friends/bob", "befriend"),
        ("DELETE", "/chat/friends/Bob", "unfriend"),
        ("PUT", "/chat/blocks/bob", "block"),
        ("DELETE", "/chat/blocks/bob", "unblock"),
    ] {
        let asked = command(method, path, "").await;
        assert_eq!(asked.stream, pair, "{method} {path}");
        let Body::Relation(body) = asked.body else { panic!("{method} {path}") };
        let (name, facts) = match body {
            Relation::Befriend { facts } => ("befriend", facts.active_users.len()),
            Relation::Block { facts } => ("block", facts.active_users.len()),
            Relation::Unfriend => ("unfriend", 1),
            Relation::Unblock => ("unblock", 1),
        };
        assert_eq!((name, facts), (expected, 1), "{method} {path}");
    }
    let service = Service::new();
    for method in ["PUT", "DELETE"] {
        for path in ["/chat/friends/alice", "/chat/blocks/alice"] {
            assert_eq!(service.ask(method, path, "").await.code(), (422, "value-invalid"), "{method} {path}");
        }
    }
    assert!(service.bus.asked_about.lock().unwrap().is_empty(), "nor is anything asked about oneself");
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn across_a_block_nobody_is_brought_in_or_called() {
    let Room::AddMembers { facts, .. } = of_room("PUT", "/members/fay", "").await else { panic!() };
    assert_eq!(facts.blocked_users, [user(FOE)].into());
    let created = command("POST", "/chat/rooms", r#"{"kind": "direct", "members": ["fay"]}"#).await;
    let Body::Room(Room::Create { facts, .. }) = created.body else { panic!() };
    assert_eq!(facts.blocked_users, [user(FOE)].into());
    let Room::SendMessage { facts, .. } = of_room("POST", "/messages", r#"{"text": "@fay @bob"}"#).await else { panic!() };
    assert_eq!(facts.blocked_users, [user(FOE)].into());
    let Room::EditMessage { facts, .. } = of_room("PATCH", "/messages/4", r#"{"text": "@fay"}"#).await else { panic!() };
    assert_eq!(facts.blocked_users, [user(FOE)].into());
}

#[tokio::test]
async fn one_request_is_one_command() {
    let service = Service::new();
    let room = format!("/chat/rooms/{ROOM}");
    for (path, body) in [
        (room.clone(), r#"{"name": "a", "topic": "b"}"#),
        (room.clone(), "{}"),
        (format!("{room}/members/me"), r#"{"role": "member", "muted": true}"#),
        (format!("{room}/members/me"), "{}"),
        (format!("{room}/members/bob"), r#"{"muted": true}"#),
        ("/chat/people/me".to_owned(), "{}"),
        ("/chat/people/me".to_owned(), r#"{"statusText": "here", "presenceHidden": true}"#),
    ] {
        assert_eq!(service.ask("PATCH", &path, body).await.code(), (422, "value-invalid"), "{path} {body}");
    }
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn with_the_import_scope_people_act_in_other_names_and_at_other_times() {
    let service = Service::new();
    let body = r#"{"text": "old", "onBehalfOf": "bob", "sentAt": "2004-11-15T12:18:00Z"}"#;
    let answer = service.import("POST", &format!("/chat/rooms/{ROOM}/messages"), body).await;
    assert_eq!(answer.status, 201);
    let command = service.only_command();
    assert_eq!(command.actor, user("bob"));
    assert!(matches!(command.body, Body::Room(Room::SendMessage { sent_at: Some(_), .. })));

    let body = r##"{"kind": "public", "name": "#rust", "onBehalfOf": "bob", "import": {"source": "irc", "name": "#rust"}}"##;
    assert_eq!(service.import("POST", "/chat/rooms", body).await.status, 201);
    assert_eq!(service.only_command().stream, StreamId::Room(RoomId::of_import("irc", "#rust")));

    let body = r#"{"onBehalfOf": "bob", "sentAt": "2004-11-15T12:18:00Z"}"#;
    assert_eq!(service.import("PUT", &format!("/chat/rooms/{ROOM}/members/me"), body).await.status, 200);
    let command = service.only_command();
    assert!(command.actor == user("bob") && matches!(command.body, Body::Room(Room::Join { joined_at: Some(_) })));
}

#[tokio::test]
async fn without_the_import_scope_nobody_does() {
    let service = Service::new();
    for (method, path, body) in [
        ("POST", "/messages", r#"{"text": "x", "onBehalfOf": "bob"}"#),
        ("POST", "/messages", r#"{"text": "x", "sentAt": "2004-11-15T12:18:00Z"}"#),
        ("PUT", "/members/me", r#"{"sentAt": "2004-11-15T12:18:00Z"}"#),
        ("DELETE", "/members/me", r#"{"onBehalfOf": "bob"}"#),
        ("POST", "/archive", r#"{"onBehalfOf": "bob"}"#),
        ("PUT", "/messages/1/reactions/%F0%9F%91%8D", r#"{"onBehalfOf": "bob"}"#),
        ("PUT", "/read", r#"{"number": 1, "onBehalfOf": "bob"}"#),
    ] {
        let answer = service.ask(method, &format!("/chat/rooms/{ROOM}{path}"), body).await;
        assert_eq!(answer.code(), (403, "not-allowed"), "{method} {path} {body}");
    }
    for body in [
        r#"{"kind": "public", "name": "x", "import": {"source": "irc", "name": "x"}}"#,
        r#"{"kind": "public", "name": "x", "onBehalfOf": "bob"}"#,
        r#"{"kind": "public", "name": "x", "sentAt": "2004-11-15T12:18:00Z"}"#,
    ] {
        assert_eq!(service.ask("POST", "/chat/rooms", body).await.code(), (403, "not-allowed"), "{body}");
    }
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn the_key_stands_in_every_answer_so_that_an_unknown_outcome_can_be_asked_again() {
    let service = Service::new();
    let path = format!("/chat/rooms/{ROOM}/messages");
    for reply in [Reply::Never, Reply::Fault(Fault::OutcomeUnknown)] {
        service.answer_with(reply);
        let answer = service.ask("POST", &path, r#"{"text": "x"}"#).await;
        assert_eq!(answer.code(), (503, "outcome-unknown"));
        assert!(answer.headers.contains_key("retry-after"));
        let key: CommandId = answer.headers["idempotency-key"].to_str().unwrap().parse().unwrap();
        assert!(key.made_at_ms().is_some(), "a key of ours is a UUIDv7");
    }
    service.answer_with(Reply::Fault(Fault::Refused(Refusal::RoomArchived.into())));
    let answer = service.ask("POST", &path, r#"{"text": "x"}"#).await;
    assert_eq!(answer.code(), (409, "room-archived"));
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert!(answer.headers.contains_key("idempotency-key") && answer.body["traceId"].is_string());
}
