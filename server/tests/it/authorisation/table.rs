//! The table: a row for each route, a cell for each role.
//!
//! In a path, `{roomId}` is a private room with an owner, a moderator and two members, made anew for each cell; `{number}` the message
//! that the first member wrote there; `{userId}` what the row says; `{id}` a session of the one who asks, or a registration; `{sagaId}`
//! the saga of that one. `me` is the one who asks. In a body, `{me}`, `{password}` and `{refresh}` are of the one who asks, and `{fresh}`
//! is an id that nobody has.

use super::world::Answer;

/// What one gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// This status, and a body that has something under this JSON pointer.
    Good(u16, &'static str),
    /// This status, and no body.
    Empty(u16),
    /// Server-sent events, which end by themselves, with this in them.
    Events(&'static str),
    /// A problem with this status and code, and nothing beside it.
    Problem(u16, &'static str),
}

/// A route.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    /// What follows the path.
    pub query: &'static str,
    /// Whether administrators may see words of what was said: they see numbers of all rooms, and of words too.
    pub counts_words: bool,
    /// Who `{userId}` is.
    pub user: &'static str,
    pub body: Option<&'static str>,
    /// What the last column sends instead: the same in the name of somebody else.
    pub another: Option<&'static str>,
    /// Whether it is open to people without a good token: they get what a member gets.
    pub open: bool,
    /// In the order of `ROLES`.
    pub expected: &'static [Expected; 6],
}

use Expected::{Empty, Events, Good, Problem};

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
    Row { method, path, query: "", counts_words: false, user: "me", body: None, another: None, open: false, expected }
}

impl Row {
    const fn of(self, user: &'static str) -> Self {
        Self { user, ..self }
    }
    const fn asks(self, query: &'static str) -> Self {
        Self { query, ..self }
    }
    const fn counts_words(self) -> Self {
        Self { counts_words: true, ..self }
    }
    const fn sends(self, body: &'static str) -> Self {
        Self { body: Some(body), ..self }
    }
    const fn another(self, body: &'static str) -> Self {
        Self { another: Some(body), ..self }
    }
    const fn open(self) -> Self {
        Self { open: true, ..self }
    }
}

const AS_MIA: &str = r#"{"onBehalfOf": "mia"}"#;
const AS_OLGA: &str = r#"{"onBehalfOf": "olga"}"#;

//                                     stranger  member  moderator  owner  administrator  of another's
/// Every route.
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
    row("GET", "/chat/search", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("GET", "/chat/search", &[NO_ROOM, PAGE, PAGE, PAGE, NO_ROOM, PAGE]).asks("?room={roomId}&q=geheim"),
    row("GET", "/chat/stats/series", &[SERIES, SERIES, SERIES, SERIES, SERIES, SERIES]).asks("?name=chatAdd"),
    row("GET", "/chat/stats/series", &[NO_ROOM, SERIES, SERIES, SERIES, SERIES, SERIES]).asks("?name=chatAdd&room={roomId}"),
    row("GET", "/chat/stats/series", &[NO_ROOM, SERIES, SERIES, SERIES, SERIES, SERIES])
        .asks("?name=word&word=geheim&room={roomId}"),
    row("GET", "/chat/stats/series", &[NAME, NAME, NAME, NAME, SERIES, NAME]).asks("?name=userAdd"),
    row("GET", "/chat/stats/words", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]).counts_words(),
    row("GET", "/chat/stats/words", &[NO_ROOM, PAGE, PAGE, PAGE, PAGE, PAGE]).asks("?room={roomId}").counts_words(),
    row("GET", "/chat/stats/rooms", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("GET", "/chat/stats/rooms", &[NO_ROOM, PAGE, PAGE, PAGE, PAGE, PAGE]).asks("?room={roomId}"),
    row("GET", "/chat/stats/people", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("GET", "/chat/stats/people", &[NO_ROOM, PAGE, PAGE, PAGE, PAGE, PAGE]).asks("?room={roomId}"),
    row("POST", "/chat/ws-ticket", &[TICKET, TICKET, TICKET, TICKET, TICKET, TICKET]),
    // Without a handshake; the socket has tests of its own beside this file.
    row("GET", "/chat/ws", &[NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET, NO_SOCKET]),
    row("POST", "/user", &[NEW, NEW, NEW, NEW, NEW, TAKEN])
        .sends(r#"{"userId": "{fresh}", "password": "correct horse battery staple"}"#)
        .another(r#"{"userId": "mia", "password": "correct horse battery staple"}"#)
        .open(),
    row("GET", "/user/registrations/{id}", &[STATE, STATE, STATE, STATE, STATE, STATE]).open(),
    row("GET", "/user/registrations/{id}/events", &[STATES, STATES, STATES, STATES, STATES, STATES]).open(),
    row("POST", "/user/login", &[PERSON, PERSON, PERSON, PERSON, PERSON, Problem(401, "sign-in-failed")])
        .sends(r#"{"userId": "{me}", "password": "{password}"}"#)
        .another(r#"{"userId": "mia", "password": "{password}"}"#)
        .open(),
    // What is renewed is the session of the refresh token, whoever brings which access token beside it.
    row("POST", "/user/token", &[PERSON, PERSON, PERSON, PERSON, PERSON, Problem(401, "session-over")])
        .sends(r#"{"refreshToken": "{refresh}"}"#)
        .another(r#"{"refreshToken": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#)
        .open(),
    // Whoever is signed in no more may sign out.
    row("POST", "/user/logout", &[NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING]).open(),
    row("GET", "/user/me", &[PERSON, PERSON, PERSON, PERSON, PERSON, PERSON]),
    // With the right password they would be gone: that is how a test here makes somebody leave for good.
    row("DELETE", "/user/me", &[PASSWORD, PASSWORD, PASSWORD, PASSWORD, PASSWORD, PASSWORD])
        .sends(r#"{"password": "not {password}"}"#)
        .another(r#"{"password": "mia and the correct horse battery"}"#),
    row("PUT", "/user/password", &[NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, PASSWORD])
        .sends(r#"{"current": "{password}", "new": "{password}"}"#)
        .another(r#"{"current": "mia and the correct horse battery", "new": "{password}"}"#),
    row("GET", "/user/sessions", &[PAGE, PAGE, PAGE, PAGE, PAGE, PAGE]),
    row("DELETE", "/user/sessions", &[NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING]),
    row("DELETE", "/user/sessions/{id}", &[NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, Problem(404, "session-not-found")]),
    row("GET", "/user/.well-known/jwks.json", &[KEYS, KEYS, KEYS, KEYS, KEYS, KEYS]).open(),
    row("GET", "/chat/admin/sagas", &[CLOSED, CLOSED, CLOSED, CLOSED, PAGE, CLOSED]),
    row("GET", "/chat/admin/sagas/{sagaId}", &[CLOSED, CLOSED, CLOSED, CLOSED, Good(200, "/saga/subject"), CLOSED]),
    // Of a saga that is over, which is as far as somebody else does not come.
    row("POST", "/chat/admin/sagas/{sagaId}/retry", &[CLOSED, CLOSED, CLOSED, CLOSED, Problem(409, "saga-idle"), CLOSED]),
    row(
        "POST",
        "/chat/admin/sagas/{sagaId}/abort",
        &[CLOSED, CLOSED, CLOSED, CLOSED, Problem(409, "saga-not-abortable"), CLOSED],
    ),
];

const MADE_ROOM: Expected = Good(201, "/roomId");
const SENT: Expected = Good(201, "/number");
const SERIES: Expected = Good(200, "/buckets");
const ONE: Expected = Good(200, "/text");
const TICKET: Expected = Good(201, "/ticket");
const NO_SOCKET: Expected = Problem(400, "header-invalid");
const NEW: Expected = Good(201, "/userId");
const TAKEN: Expected = Problem(409, "user-exists");
const STATE: Expected = Good(200, "/state");
const STATES: Expected = Events(r#""state":"registered""#);
const NOTHING: Expected = Empty(204);
const PASSWORD: Expected = Problem(403, "password-wrong");
const KEYS: Expected = Good(200, "/keys");
/// For administrators alone.
const CLOSED: Expected = Problem(403, "not-allowed");

impl Expected {
    /// Holds an answer against it; what is wrong, if anything is.
    pub fn check(self, answer: &Answer) -> Result<(), String> {
        let json = answer.json();
        let got = || format!("expected {self:?}, got {} {} {}", answer.status, answer.content_type, answer.text);
        let good = match self {
            Good(status, pointer) => {
                answer.status == status && json.pointer(pointer).is_some() && answer.content_type == "application/json"
            }
            Empty(status) => answer.status == status && answer.text.is_empty(),
            Events(said) => answer.status == 200 && answer.content_type == "text/event-stream" && answer.text.contains(said),
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
