//! The routes, with a bus that records what it is asked and answers what a test wants.

#![expect(clippy::indexing_slicing, reason = "a test that finds nothing where it looks panics, and says where")]

mod commands;
mod hostile;
mod internal;
mod read;
mod surface;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use command_api::bus::{CommandBus, Fault, Outcome, Standing};
use command_api::http::{Options, Parts, ReadPosition, ReadPositions};
use domain::ids::EventTopic;
use domain::{Command, RoomId, Scope, StreamId, Timestamp, UserId};
use infra::clock::SystemClock;
use infra::http::{Limits, layers};
use infra::tokens::{Caller, Grant, Signer};
use serde_json::Value;
use tower::ServiceExt as _;

/// How the bus answers.
#[derive(Clone)]
pub enum Reply {
    Done,
    Unchanged,
    Fault(Fault),
    Never,
}

/// A bus that records, and knows a few people and one room.
pub struct Bus {
    pub reply: Mutex<Reply>,
    pub commands: Mutex<Vec<Command>>,
    /// About whom it was asked.
    pub asked_about: Mutex<Vec<UserId>>,
    pub positions: Mutex<Vec<ReadPosition>>,
    pub standing: Option<Standing>,
}

#[async_trait]
impl CommandBus for Bus {
    async fn execute(&self, _caller: &Caller, command: Command) -> Result<Outcome, Fault> {
        let reply = self.reply.lock().unwrap().clone();
        let changed = match reply {
            Reply::Done => true,
            Reply::Unchanged => false,
            Reply::Fault(fault) => return Err(fault),
            Reply::Never => std::future::pending().await,
        };
        let topic = match command.stream {
            StreamId::User(_) | StreamId::Relation(_) => EventTopic::Users,
            StreamId::Room(_) => EventTopic::Rooms,
        };
        self.commands.lock().unwrap().push(command);
        let time = Timestamp::from_millis(1_100_521_080_000).unwrap();
        Ok(Outcome { topic, partition: 3, sequence: 812, version: 7, number: Some(5), time, changed })
    }

    async fn active_users(&self, _caller: &Caller, users: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        self.asked_about.lock().unwrap().extend_from_slice(users);
        Ok(users.iter().filter(|user| ["alice", "bob", "길동", FOE].contains(&user.as_str())).cloned().collect())
    }

    async fn blocked_users(&self, _caller: &Caller, user: &UserId, others: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        assert_ne!(user.as_str(), FOE, "nobody acts as the foe here");
        Ok(others.iter().filter(|other| other.as_str() == FOE).cloned().collect())
    }

    async fn standing(&self, _caller: &Caller, _room: RoomId, _user: &UserId) -> Result<Option<Standing>, Fault> {
        Ok(self.standing)
    }
}

#[async_trait]
impl ReadPositions for Bus {
    async fn record(&self, position: ReadPosition) -> Result<(), infra::log::Fault> {
        self.positions.lock().unwrap().push(position);
        Ok(())
    }
}

/// One command-api without a log.
pub struct Service {
    pub bus: Arc<Bus>,
    pub signer: Signer,
    public: Router,
    internal: Router,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }
    pub fn pointer(&self) -> &str {
        self.body["errors"][0]["pointer"].as_str().unwrap_or("none")
    }
}

/// With whom everybody stands in a block.
pub const FOE: &str = "fay";
pub const ROOM: &str = "6f1c2e6e-0d0f-5b1c-8f3a-0123456789ab";

pub fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

impl Service {
    pub fn new() -> Self {
        Self::with(Options { command_duration_max: Duration::from_millis(50), ..Options::default() }, None)
    }

    pub fn with(options: Options, standing: Option<Standing>) -> Self {
        let signer = Signer::generate("test", Arc::new(SystemClock)).unwrap();
        let (commands, asked_about, positions) = Default::default();
        let bus = Arc::new(Bus { reply: Mutex::new(Reply::Done), commands, asked_about, positions, standing });
        let parts = Parts {
            bus: Arc::clone(&bus) as Arc<dyn CommandBus>,
            reads: Arc::clone(&bus) as Arc<dyn ReadPositions>,
            verifier: Arc::new(signer.verifier()),
            clock: Arc::new(SystemClock),
            options,
        };
        let public = layers::complete(command_api::router(parts.clone()), Limits::default());
        let internal = layers::complete(command_api::internal_router(parts), Limits::default());
        Self { bus, signer, public, internal }
    }

    pub fn token(&self, name: &str, scope: Scope) -> String {
        let grant = Grant { user: user(name), scope, session: None, duration: Duration::from_secs(600) };
        format!("Bearer {}", self.signer.issue(&grant).unwrap().token.0)
    }

    /// As alice, without further rights.
    pub async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = self.token("alice", Scope::default());
        self.ask_with(method, path, &[("authorization", &token)], body.as_bytes()).await
    }

    /// With the scope `import`.
    pub async fn import(&self, method: &str, path: &str, body: &str) -> Answer {
        let token = self.token("importer", Scope { import: true, ..Scope::default() });
        self.ask_with(method, path, &[("authorization", &token)], body.as_bytes()).await
    }

    pub async fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        Self::send(self.public.clone(), method, path, headers, body).await
    }

    pub async fn ask_internal(&self, method: &str, path: &str, scope: Scope, body: &str) -> Answer {
        let token = self.token("auth-api", scope);
        Self::send(self.internal.clone(), method, path, &[("authorization", &token)], body.as_bytes()).await
    }

    async fn send(router: Router, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub fn answer_with(&self, reply: Reply) {
        *self.bus.reply.lock().unwrap() = reply;
    }

    /// The only command that was executed.
    pub fn only_command(&self) -> Command {
        let mut commands = std::mem::take(&mut *self.bus.commands.lock().unwrap());
        assert_eq!(commands.len(), 1, "{commands:?}");
        commands.remove(0)
    }

    pub fn nothing_was_executed(&self) -> bool {
        self.bus.commands.lock().unwrap().is_empty() && self.bus.positions.lock().unwrap().is_empty()
    }
}
