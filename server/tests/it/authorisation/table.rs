//! The table: a row for each route, a cell for each role.
//!
//! In a path, `{roomId}` is a private room with an owner, a moderator and two members, made anew for each cell; `{number}` the message
//! that the first member wrote there; `{userId}` what the row says. `me` is the one who asks.

use super::world::Answer;

/// What one gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This status, and a body that has something under this JSON pointer.
    Good(u16, &'static str),
    /// A problem with this status and code, and nothing beside it.
    Problem(u16, &'static str),
}

/// A route.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    /// Who `{userId}` is.
    pub user: &'static str,
    pub body: Option<&'static str>,
    /// What the last column sends instead: the same in the name of somebody else.
    pub another: Option<&'static str>,
    /// In the order of `ROLES`.
    pub expected: &'static [Expected; 6],
}

use Expected::{Good, Problem};

/// There is no such room, for those who may not see it.
pub const NO_ROOM: Expected = Problem(404, "room-not-found");
const ROLE: Expected = Problem(403, "role-required");
const AUTHOR: Expected = Problem(403, "not-the-author");
/// In somebody else's name.
const NAME: Expected = Problem(403, "not-allowed");
const PAGE: Expected = Good(200, "/items");
const ROOM: Expected = Good(200, "/roomId");
const PERSON: Expected = Good(200, "/userId");

const fn row(method: &'static str, path: &'static str, expected: &'static [Expected; 6]) -> Row {
    Row { method, path, user: "me", body: None, another: None, expected }
}

impl Row {
    const fn of(self, user: &'static str) -> Self {
        Self { user, ..self }
    }
    const fn sends(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }
    const fn another(self, body: &'static str) -> Self {
        Self { another: Some(body), ..self }
    }
}

const AS_MIA: &str = r#"{"onBehalfOf": "mia"}"#;
const AS_OLGA: &str = r#"{"onBehalfOf": "olga"}"#;

//                                     stranger  member  moderator  owner  administrator  of another's
/// Every route of command-api and query-api.
pub const ROWS: &[Row] = &[
    row("GET", "/chat/people/{userId}", &[PERSON, PERSON, PERSON, PERSON, PERSON, PERSON]).of("mia"),
    row("PATCH", "/chat/people/me", &[PERSON, PERSON, PERSON, PERSON, PERSON, NAME])
        .sends(r#"{"statusText": "here"}"#)
        .another(r#"{"statusText": "here", "onBehalfOf": "mia"}"#),
    row("GET", "/chat/friends", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("PUT", "/chat/friends/{userId}", &[PERSON, PERSON, PERSON, PERSON, PERSON, NAME]).of("vera").another(AS_MIA),
    row("DELETE", "/chat/friends/{userId}", &[PERSON, PERSON, PERSON, PERSON, PERSON, NAME]).of("vera").another(AS_MIA),
    row("GET", "/chat/blocks", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("PUT", "/chat/blocks/{userId}", &[PERSON, PERSON, PERSON, PERSON, PERSON, NAME]).of("bert").another(AS_MIA),
    row("DELETE", "/chat/blocks/{userId}", &[PERSON, PERSON, PERSON, PERSON, PERSON, NAME]).of("bert").another(AS_MIA),
    row("GET", "/chat/rooms", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("POST", "/chat/rooms", &[MADE_ROOM, MADE_ROOM, MADE_ROOM, MADE_ROOM, MADE_ROOM, NAME])
        .sends(r#"{"kind": "private", "name": "new"}"#)
        .another(r#"{"kind": "private", "name": "new", "onBehalfOf": "mia"}"#),
    row("GET", "/chat/rooms/public", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("GET", "/chat/rooms/{roomId}", &[NO_ROOM, ROOM, ROOM, ROOM, NO_ROOM, ROOM]),
    row("PATCH", "/chat/rooms/{roomId}", &[NO_ROOM, ROLE, ROOM, ROOM, NO_ROOM, NAME])
        .sends(r#"{"topic": "other"}"#)
        .another(r#"{"topic": "other", "onBehalfOf": "olga"}"#),
    row("POST", "/chat/rooms/{roomId}/archive", &[NO_ROOM, ROLE, ROLE, ROOM, NO_ROOM, NAME]).another(AS_OLGA),
    row("GET", "/chat/rooms/{roomId}/members", &[NO_ROOM, PAGE, PAGE, PAGE, NO_ROOM, PAGE]),
    row("PUT", "/chat/rooms/{roomId}/members/{userId}", &[NO_ROOM, ROLE, ROOM, ROOM, NO_ROOM, NAME]).of("vera").another(AS_OLGA),
    row("PATCH", "/chat/rooms/{roomId}/members/{userId}", &[NO_ROOM, ROLE, ROLE, ROOM, NO_ROOM, NAME])
        .of("milo")
        .sends(r#"{"role": "moderator"}"#)
        .another(r#"{"role": "owner", "onBehalfOf": "olga"}"#),
    row("DELETE", "/chat/rooms/{roomId}/members/{userId}", &[NO_ROOM, ROLE, ROOM, ROOM, NO_ROOM, NAME])
        .of("milo")
        .another(AS_OLGA),
    row("GET", "/chat/rooms/{roomId}/messages", &[NO_ROOM, PAGE, PAGE, PAGE, NO_ROOM, PAGE]),
    row("POST", "/chat/rooms/{roomId}/messages", &[NO_ROOM, SENT, SENT, SENT, NO_ROOM, NAME])
        .sends(r#"{"text": "said"}"#)
        .another(r#"{"text": "said", "onBehalfOf": "mia"}"#),
    row("GET", "/chat/rooms/{roomId}/messages/{number}", &[NO_ROOM, ONE, ONE, ONE, NO_ROOM, ONE]),
    row("PATCH", "/chat/rooms/{roomId}/messages/{number}", &[NO_ROOM, ROOM, AUTHOR, AUTHOR, NO_ROOM, AUTHOR])
        .sends(r#"{"text": "edited"}"#),
    row("DELETE", "/chat/rooms/{roomId}/messages/{number}", &[NO_ROOM, ROOM, ROOM, ROOM, NO_ROOM, AUTHOR]),
    row("PUT", "/chat/rooms/{roomId}/messages/{number}/reactions/{emoji}", &[NO_ROOM, ROOM, ROOM, ROOM, NO_ROOM, NAME])
        .another(AS_MIA),
    row("DELETE", "/chat/rooms/{roomId}/messages/{number}/reactions/{emoji}", &[NO_ROOM, ROOM, ROOM, ROOM, NO_ROOM, NAME])
        .another(AS_MIA),
    row("PUT", "/chat/rooms/{roomId}/read", &[NO_ROOM, ROOM, ROOM, ROOM, NO_ROOM, NAME])
        .sends(r#"{"number": 1}"#)
        .another(r#"{"number": 1, "onBehalfOf": "mia"}"#),
    row("GET", "/chat/mentions", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("POST", "/chat/ws-ticket", &[TICKET, TICKET, TICKET, TICKET, TICKET, TICKET]),
    // Without a handshake; the socket has tests of its own beside this file.
    row("GET", "/chat/ws", &[NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET]),
];

const MADE_ROOM: Expected = Good(201, "/roomId");
const SENT: Expected = Good(201, "/number");
const ONE: Expected = Good(200, "/text");
const TICKET: Expected = Good(201, "/ticket");
const NO_SOCKET: Expected = Problem(400, "header-invalid");

/// Routes that need another world than the one here: method, path, and the test that proves them.
pub const PROVED_ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/user",
        "auth-api/tests/it/registration.rs: open to everybody; who_waits…, a_refused_registration…, of_many_who_want_one_id…",
    ),
    ("GET", "/user/registrations/{id}", "auth-api/tests/it/registration.rs: by the id that the one who registers was told"),
    ("GET", "/user/registrations/{id}/events", "auth-api/tests/it/registration.rs: the same"),
    ("POST", "/user/login", "auth-api/tests/it/sign_in.rs: open to everybody"),
    ("POST", "/user/token", "auth-api/tests/it/sessions.rs: a_session_is_renewed_and_a_stolen_token_ends_it_everywhere"),
    (
        "POST",
        "/user/logout",
        "auth-api/tests/it/sessions.rs: our_page_has_its_tokens_in_cookies_that_no_script_reads_and_no_foreign_page_uses",
    ),
    ("GET", "/user/me", "auth-api/tests/it/registration.rs: who_leaves_is_gone_at_once_and_for_good"),
    ("DELETE", "/user/me", "auth-api/tests/it/registration.rs: who_leaves_is_gone_at_once_and_for_good"),
    ("PUT", "/user/password", "auth-api/tests/it/sessions.rs: another_password_ends_all_other_sessions"),
    ("GET", "/user/sessions", "auth-api/tests/it/sessions.rs: sessions_are_listed_and_ended_one_or_all"),
    ("DELETE", "/user/sessions", "auth-api/tests/it/sessions.rs: sessions_are_listed_and_ended_one_or_all"),
    ("DELETE", "/user/sessions/{id}", "auth-api/tests/it/sessions.rs: sessions_are_listed_and_ended_one_or_all"),
    ("GET", "/user/.well-known/jwks.json", "auth-api/tests/it/administration.rs: public keys are public"),
    ("GET", "/chat/admin/sagas", "orchestrator/tests/it/watching.rs: nobody_else_sees_or_changes_anything"),
    ("GET", "/chat/admin/sagas/{sagaId}", "orchestrator/tests/it/watching.rs: nobody_else_sees_or_changes_anything"),
    ("POST", "/chat/admin/sagas/{sagaId}/retry", "orchestrator/tests/it/watching.rs: nobody_else_sees_or_changes_anything"),
    ("POST", "/chat/admin/sagas/{sagaId}/abort", "orchestrator/tests/it/watching.rs: nobody_else_sees_or_changes_anything"),
];

impl Expected {
    /// Holds an answer against it; what is wrong, if anything is.
    pub fn check(self, answer: &Answer) -> Result<(), String> {
        let json = answer.json();
        let got = || format!("expected {self:?}, got {} {} {}", answer.status, answer.content_type, answer.text);
        let good = match self {
            Good(status, pointer) => {
                answer.status == status && json.pointer(pointer).is_some() && answer.content_type == "application/json"
            }
            Problem(status, code) => {
                let known = ["type", "title", "status", "detail", "code", "errors", "traceId"];
                answer.status == status
                    && answer.content_type == "application/problem+json"
                    && json["code"] == code
                    && json["status"] == status
                    && json["type"] == format!("urn:sarangbang:problem:{code}")
                    && json.as_object().is_some_and(|fields| fields.keys().all(|name| known.contains(&name.as_str())))
            }
        };
        if good { Ok(()) } else { Err(got()) }
    }
}
