//! What the routes make of bad requests: a problem that says what is wrong, never 500, and never a command.

use std::num::NonZeroU32;

use command_api::http::Options;
use domain::Scope;
use domain::ids::Pair;
use domain::saga::{SagaId, Step};

use super::{ROOM, Service, user};

#[tokio::test]
async fn bad_bodies_are_pointed_to() {
    let service = Service::new();
    let messages = format!("/chat/rooms/{ROOM}/messages");
    let long = format!(r#"{{"text": "{}"}}"#, "가".repeat(10_001));
    for (method, path, body, pointer) in [
        ("POST", messages.as_str(), r#"{"text": ""}"#, "/text"),
        ("POST", &messages, r#"{"text": null}"#, "/text"),
        ("POST", &messages, r#"{"text": ["x"]}"#, "/text"),
        ("POST", &messages, "{\"text\": \"a\\u0000b\"}", "/text"),
        ("POST", &messages, &long, "/text"),
        ("POST", &messages, r#"{"text": "x", "replyTo": -1}"#, "/replyTo"),
        ("POST", &messages, r#"{"text": "x", "replyTo": 1.5}"#, "/replyTo"),
        ("POST", &messages, r#"{"text": "x", "admin": true}"#, "/admin"),
        ("POST", &messages, r#"{"text": "x", "text": "y"}"#, ""),
        ("POST", &messages, r#"{"text": "x", "sentAt": "yesterday"}"#, "/sentAt"),
        ("POST", &messages, r#"{"text": "x", "onBehalfOf": "a b"}"#, "/onBehalfOf"),
        ("POST", &messages, "[]", ""),
        ("POST", &messages, "{}", ""),
        ("POST", "/chat/rooms", r#"{"kind": "secret"}"#, "/kind"),
        ("POST", "/chat/rooms", r#"{"kind": "public", "name": "  "}"#, "/name"),
        ("POST", "/chat/rooms", r#"{"kind": "public", "name": "x", "members": ["a", "me"]}"#, "/members/1"),
        ("POST", "/chat/rooms", r#"{"kind": "public", "name": "x", "import": {"source": "", "name": "x"}}"#, "/import/source"),
        ("PATCH", "/chat/people/me", r#"{"userName": 5}"#, "/userName"),
    ] {
        let answer = service.ask(method, path, body).await;
        assert_eq!((answer.code(), answer.pointer()), ((422, "value-invalid"), pointer), "{body}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn what_is_no_json_at_all_is_malformed() {
    let service = Service::new();
    let token = service.token("alice", Scope::default());
    let path = format!("/chat/rooms/{ROOM}/messages");
    let deep = format!(r#"{{"text": {}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    let big = format!(r#"{{"text": "{}"}}"#, "x".repeat(200_000));
    let json = ("content-type", "application/json");
    for (body, content_type, status, code) in [
        (b"{\"text\": \"\xff\xfe\"}".as_slice(), json, 400, "body-malformed"),
        (b"{\"text\": \"\\ud800\"}", json, 400, "body-malformed"),
        (b"{\"text\": \"x\"", json, 400, "body-malformed"),
        (b"\0\0\0", json, 400, "body-malformed"),
        (deep.as_bytes(), json, 400, "body-malformed"),
        (big.as_bytes(), json, 413, "body-too-large"),
        (br#"{"text": "x"}"#, ("content-type", "text/plain"), 415, "media-type-unsupported"),
        (b"text=x", ("content-type", "application/x-www-form-urlencoded"), 415, "media-type-unsupported"),
    ] {
        let answer = service.ask_with("POST", &path, &[("authorization", &token), content_type], body).await;
        assert_eq!(answer.code(), (status, code));
    }
    assert_eq!(service.ask("POST", &path, "").await.code(), (415, "media-type-unsupported"), "a body is needed here");
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn the_longest_message_fits_however_it_is_escaped() {
    let service = Service::new();
    let text = "\\ud83d\\ude00".repeat(10_000);
    let answer = service.ask("POST", &format!("/chat/rooms/{ROOM}/messages"), &format!(r#"{{"text": "{text}"}}"#)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[tokio::test]
async fn bad_paths_are_refused() {
    let service = Service::new();
    for (method, path) in [
        ("PUT", "/chat/rooms/nonsense/members/me".to_owned()),
        ("PUT", "/chat/rooms/%00/members/me".to_owned()),
        ("PUT", "/chat/rooms/%ff%fe/members/me".to_owned()),
        ("PUT", format!("/chat/rooms/{ROOM}/members/a%20b")),
        ("PUT", format!("/chat/rooms/{ROOM}/members/a%2Fb")),
        ("PUT", format!("/chat/rooms/{ROOM}/members/ME")),
        ("PUT", format!("/chat/rooms/{ROOM}/members/{}", "x".repeat(65))),
        ("PUT", format!("/chat/rooms/{ROOM}/members/%F0%9F%91")),
        ("DELETE", format!("/chat/rooms/{ROOM}/messages/-1")),
        ("DELETE", format!("/chat/rooms/{ROOM}/messages/99999999999999999999999")),
        ("DELETE", format!("/chat/rooms/{ROOM}/messages/one")),
        ("PUT", format!("/chat/rooms/{ROOM}/messages/1/reactions/ok")),
        ("PUT", format!("/chat/rooms/{ROOM}/messages/1/reactions/%F0%9F%91%8D%F0%9F%91%8D")),
        ("PUT", format!("/chat/rooms/{ROOM}/messages/1/reactions/%3Cscript%3E")),
    ] {
        assert_eq!(service.ask(method, &path, "").await.code(), (400, "path-invalid"), "{path}");
    }
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn bad_keys_are_refused_before_anything_else() {
    let service = Service::new();
    let token = service.token("alice", Scope::default());
    let path = format!("/chat/rooms/{ROOM}/members/me");
    for key in [
        "",
        "1",
        "nonsense",
        "{01890a5d-ac96-774b-bcce-b302099a8057}",
        "01890a5dac96774bbcceb302099a8057",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let answer = service.ask_with("PUT", &path, &[("authorization", &token), ("idempotency-key", key)], b"").await;
        assert_eq!(answer.code(), (400, "header-invalid"), "{key}");
    }
    assert!(service.nothing_was_executed());
}

#[tokio::test]
async fn nobody_but_services_and_imports_uses_a_key_that_a_saga_could_have() {
    let service = Service::new();
    let pair = Pair::of(&user("alice"), &user("bob")).unwrap();
    let key = SagaId::of_direct_room(&pair).command(&Step::CloseRoom(ROOM.parse().unwrap(), 1)).to_string();
    let path = format!("/chat/rooms/{ROOM}/messages");
    let ask = async |scope| {
        let token = service.token("alice", scope);
        let headers = [("authorization", token.as_str()), ("idempotency-key", &key)];
        service.ask_with("POST", &path, &headers, br#"{"text": "hi"}"#).await
    };
    for scope in [Scope::default(), Scope { admin: true, ..Scope::default() }] {
        assert_eq!(ask(scope).await.code(), (400, "header-invalid"));
    }
    assert!(service.nothing_was_executed());
    assert_eq!(ask(Scope { import: true, ..Scope::default() }).await.status, 201);
}

#[tokio::test]
async fn one_person_may_not_send_without_end_but_an_import_may() {
    let one = NonZeroU32::MIN;
    let service = Service::with(Options { commands_per_second: one, commands_burst: one, ..Options::default() }, None);
    let path = format!("/chat/rooms/{ROOM}/archive");
    let mut refused = 0;
    for _ in 0..20 {
        let answer = service.ask("POST", &path, "").await;
        if answer.status != 200 {
            assert_eq!(answer.code(), (429, "rate-limited"));
            assert_eq!(answer.headers["retry-after"], "1");
            refused += 1;
        }
        assert_eq!(service.import("POST", &path, "").await.status, 200);
    }
    assert!(refused >= 10, "{refused}");
}
