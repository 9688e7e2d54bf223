//! Bodies of requests. The first byte says the route, the second whose token it is; the rest is the body.

use std::num::NonZeroU32;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use command_api::http::{Options, Parts};
use domain::{Scope, UserId};
use infra::clock::SystemClock;
use infra::http::{Limits, layers, problem};
use infra::tokens::{Grant, Signer};
use serde_json::Value;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::world::{self, CALLER, World};

/// The routes that take a body; `{room}` is the room that is there.
const ROUTES: &[(&str, &str)] = &[
    ("POST", "/chat/rooms"),
    ("PATCH", "/chat/rooms/{room}"),
    ("POST", "/chat/rooms/{room}/archive"),
    ("PUT", "/chat/rooms/{room}/members/bob"),
    ("PATCH", "/chat/rooms/{room}/members/bob"),
    ("PATCH", "/chat/rooms/{room}/members/me"),
    ("DELETE", "/chat/rooms/{room}/members/bob"),
    ("POST", "/chat/rooms/{room}/messages"),
    ("PATCH", "/chat/rooms/{room}/messages/1"),
    ("DELETE", "/chat/rooms/{room}/messages/1"),
    ("PUT", "/chat/rooms/{room}/messages/1/reactions/%F0%9F%91%8D"),
    ("PUT", "/chat/rooms/{room}/read"),
    ("PATCH", "/chat/people/me"),
    ("POST", "/internal/users"),
];
/// What must not be told in an answer.
const INTERNALS: &[&str] = &["struct ", "::", ".rs:"];
/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1 << 20;

struct Service {
    runtime: Runtime,
    world: Arc<World>,
    public: Router,
    internal: Router,
    /// Of a person, of an import, and of a service.
    tokens: [String; 3],
}

static SERVICE: LazyLock<Option<Service>> = LazyLock::new(service);

fn service() -> Option<Service> {
    let signer = Signer::generate("fuzz", Arc::new(SystemClock)).ok()?;
    let world = world::shared();
    let many = NonZeroU32::MAX;
    let parts = Parts {
        bus: world.clone(),
        reads: world.clone(),
        verifier: Arc::new(signer.verifier()),
        clock: Arc::new(SystemClock),
        options: Options { commands_per_second: many, commands_burst: many, ..Options::default() },
    };
    let public = layers::complete(command_api::router(parts.clone()), Limits::default());
    let internal = layers::complete(command_api::internal_router(parts), Limits::default());
    let token = |scope| -> Option<String> {
        let grant = Grant { user: UserId::parse(CALLER).ok()?, scope, session: None, duration: Duration::from_secs(86_400) };
        Some(format!("Bearer {}", signer.issue(&grant).ok()?.token.0))
    };
    let tokens = [
        token(Scope::default())?,
        token(Scope { import: true, ..Scope::default() })?,
        token(Scope { service: true, ..Scope::default() })?,
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    Some(Service { runtime, world, public, internal, tokens })
}

pub fn run(input: &[u8]) -> String {
    let Some(service) = SERVICE.as_ref() else { panic!("there is no service to fuzz") };
    let [route, token, body @ ..] = input else { return "nothing".to_owned() };
    let (Some((method, path)), Some(token)) =
        (ROUTES.get(usize::from(*route) % ROUTES.len()), service.tokens.get(usize::from(*token) % service.tokens.len()))
    else {
        return "nothing".to_owned();
    };
    service.world.reset();
    let router = if path.starts_with("/internal") { &service.internal } else { &service.public };
    let request = Request::builder().method(*method).uri(path.replace("{room}", &world::room_id().to_string()));
    let request = request.header("authorization", token).header("content-type", "application/json");
    let Ok(request) = request.body(Body::from(body.to_vec())) else { panic!("no request") };
    service.runtime.block_on(async {
        let Ok(answer) = router.clone().oneshot(request).await;
        let status = answer.status().as_u16();
        let Ok(bytes) = to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await else { panic!("an answer beyond all bounds") };
        let Ok(answer) = serde_json::from_slice::<Value>(&bytes) else {
            panic!("{status} with {:?}", String::from_utf8_lossy(&bytes))
        };
        format!("{method} {path} {}", judged(status, &answer, body))
    })
}

/// A success, or a problem of the table that tells nothing of the inside.
fn judged(status: u16, answer: &Value, body: &[u8]) -> String {
    assert!((200..500).contains(&status), "{status} {answer}");
    if status < 400 {
        return status.to_string();
    }
    let code = answer.get("code").and_then(Value::as_str).unwrap_or_default();
    let row = problem::find(code);
    assert!(row.is_some_and(|row| row.status == status), "{status} {answer}");
    let sent = String::from_utf8_lossy(body);
    let text = answer.to_string();
    for internal in INTERNALS {
        assert!(!text.contains(internal) || sent.contains(internal.trim_end()) || sent.contains("\\u"), "{internal:?} in {text}");
    }
    let pointer = answer.pointer("/errors/0/pointer").and_then(Value::as_str).unwrap_or_default();
    let reason: String = answer.get("detail").and_then(Value::as_str).unwrap_or_default().chars().take(12).collect();
    format!("{status} {code} {} {reason}", pointer.chars().take(12).collect::<String>())
}
