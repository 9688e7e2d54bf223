//! The server as an import sees it: commands and queries over HTTP, repeated under the same id until their outcome is known.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use domain::room::Role;
use domain::{CommandId, RoomId, Timestamp, UserId};
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::RwLock;

use crate::admin::{Accounts, segment};
use crate::say;

/// How long one request may take.
const REQUEST_DURATION_MAX: Duration = Duration::from_secs(30);
/// The first pause before a request is repeated; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How often a request is repeated: several minutes in all, longer than a fail-over takes.
const ATTEMPTS_MAX: u32 = 60;
/// Attempts that nobody is told of.
const ATTEMPTS_SILENT: u32 = 4;
/// How often somebody is told that the server does not answer.
const TELL_INTERVAL: Duration = Duration::from_secs(10);
/// In whose name people are registered; everything else is done in the name of those people.
const IMPORTER: &str = "import";
/// How long a token that was asked for is good; one that has run out is replaced.
const TOKEN_DURATION: Duration = Duration::from_secs(60 * 60);
/// Rows of a page: the most there are.
pub const PAGE: usize = 200;

/// Where the token comes from.
pub enum TokenSource {
    /// This file.
    File(PathBuf),
    /// auth-api, which gives one for the service secret.
    Asked(Box<Accounts>),
}

/// Where the server is.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Commands: `http://…`.
    pub commands: String,
    /// Queries.
    pub queries: String,
    /// The internal listener of command-api.
    pub internal: String,
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A "no" that will stay one.
    #[error("{code}: {detail}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// The problem's code.
        code: String,
        /// What it says.
        detail: String,
    },
    /// Nobody answered for a long time.
    #[error("no answer after {ATTEMPTS_MAX} attempts: {0}")]
    GaveUp(String),
}

impl Fault {
    /// Whether it is the refusal with this code.
    pub fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == wanted)
    }
}

/// The client.
pub struct Api {
    http: reqwest::Client,
    addresses: Addresses,
    source: TokenSource,
    token: RwLock<String>,
    /// When somebody was last told that the server does not answer.
    told: Mutex<Option<Instant>>,
}

/// How far a query must see: the read token of a command, or nothing in particular.
#[derive(Debug, Default)]
pub struct ReadAfter(Option<HeaderValue>);

/// A room as far as an import cares.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomView {
    /// The number of its last message.
    pub last_number: u64,
}

/// A message as far as an import cares.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageView {
    /// Its number.
    pub number: u64,
    /// Who wrote it.
    pub author: UserId,
    /// When.
    pub sent_at: Timestamp,
    /// What.
    pub text: Option<String>,
}

/// A member as far as an import cares.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberView {
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: Role,
}

/// A person as far as an import cares.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    /// When they registered.
    pub registered_at: Timestamp,
}

/// A page.
#[derive(Debug, Deserialize)]
pub struct Page<T> {
    /// Its rows.
    pub items: Vec<T>,
    /// Where the next one is.
    pub next: Option<String>,
}

impl Api {
    /// A client with a token, for `parallel` requests at once.
    pub async fn connect(addresses: Addresses, source: TokenSource, parallel: usize) -> Result<Self> {
        let http = reqwest::Client::builder()
            .tcp_nodelay(true)
            .pool_max_idle_per_host(parallel)
            .timeout(REQUEST_DURATION_MAX)
            .user_agent(concat!("sarangbang-import/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let api = Self { http, addresses, source, token: RwLock::default(), told: Mutex::default() };
        api.renew_token().await?;
        api.is_there().await?;
        Ok(api)
    }

    /// Asks once, so that a wrong address is told at once and not after minutes of patience.
    async fn is_there(&self) -> Result<()> {
        let url = format!("{}/health/live", self.addresses.internal);
        let hint = || format!("nobody answers at {url}; start the system there (./run), or set --internal-url and --url");
        self.http.get(&url).send().await.and_then(Response::error_for_status).with_context(hint)?;
        Ok(())
    }

    /// Registers a person.
    pub async fn register(&self, id: CommandId, user: &UserId, name: &str, at: Timestamp) -> Result<(), Fault> {
        let body = json!({"userId": user, "userName": name, "registeredAt": at});
        self.command(Method::POST, format!("{}/internal/users", self.addresses.internal), id, &body).await.map(drop)
    }

    /// Makes a public room under the id that its source and name there give it.
    pub async fn create_room(&self, id: CommandId, room: &server::archive::plan::Room) -> Result<(), Fault> {
        let body = json!({
            "kind": "public",
            "name": room.name,
            "import": {"source": &*room.source, "name": room.original},
            "onBehalfOf": room.maker.id,
            "sentAt": room.since,
        });
        self.command(Method::POST, format!("{}/chat/rooms", self.addresses.commands), id, &body).await.map(drop)
    }

    /// Walks into a public room. The answer stands for how far the room has come, also for somebody who is in it already.
    pub async fn join(&self, id: CommandId, room: RoomId, user: &UserId, at: Timestamp) -> Result<ReadAfter, Fault> {
        let body = json!({"onBehalfOf": user, "sentAt": at});
        self.command(Method::PUT, format!("{}/chat/rooms/{room}/members/me", self.addresses.commands), id, &body).await
    }

    /// Walks out.
    pub async fn leave(&self, id: CommandId, room: RoomId, user: &UserId) -> Result<(), Fault> {
        let body = json!({"onBehalfOf": user});
        let url = format!("{}/chat/rooms/{room}/members/me", self.addresses.commands);
        self.command(Method::DELETE, url, id, &body).await.map(drop)
    }

    /// Says something.
    pub async fn say(&self, id: CommandId, room: RoomId, user: &UserId, at: Timestamp, text: &str) -> Result<(), Fault> {
        let body = json!({"text": text, "onBehalfOf": user, "sentAt": at});
        self.command(Method::POST, format!("{}/chat/rooms/{room}/messages", self.addresses.commands), id, &body).await.map(drop)
    }

    /// The room, if it is there, once the read model has come as far as `reached`.
    pub async fn room(&self, room: RoomId, reached: &ReadAfter) -> Result<Option<RoomView>, Fault> {
        self.query(&format!("/chat/rooms/{room}"), &[], reached).await
    }

    /// The messages after `number`, up to [`PAGE`] of them, once the read model has come as far as `reached`.
    pub async fn messages_after(&self, room: RoomId, number: u64, reached: &ReadAfter) -> Result<Vec<MessageView>, Fault> {
        let (after, limit) = (number.to_string(), PAGE.to_string());
        let page = self.query(&format!("/chat/rooms/{room}/messages"), &[("after", &after), ("limit", &limit)], reached).await?;
        Ok(page.map(|page: Page<MessageView>| page.items).unwrap_or_default())
    }

    /// A page of members.
    pub async fn members(&self, room: RoomId, cursor: Option<&str>) -> Result<Option<Page<MemberView>>, Fault> {
        let limit = PAGE.to_string();
        let mut parameters = vec![("limit", limit.as_str())];
        parameters.extend(cursor.map(|cursor| ("cursor", cursor)));
        self.query(&format!("/chat/rooms/{room}/members"), &parameters, &ReadAfter::default()).await
    }

    /// A person, if they are there.
    pub async fn person(&self, user: &UserId) -> Result<Option<PersonView>, Fault> {
        self.query(&format!("/chat/people/{}", segment(user.as_str())), &[], &ReadAfter::default()).await
    }

    async fn command(&self, method: Method, url: String, id: CommandId, body: &Value) -> Result<ReadAfter, Fault> {
        let request = || self.http.request(method.clone(), &url).header("Idempotency-Key", id.to_string()).json(body);
        let answer = self.until_answered(request).await?;
        let reached = ReadAfter(answer.headers().get("Read-Token").cloned());
        // Read to its end, so that the connection can be used again.
        let _ = answer.bytes().await;
        Ok(reached)
    }

    async fn query<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
        ReadAfter(reached): &ReadAfter,
    ) -> Result<Option<T>, Fault> {
        let url = format!("{}{path}", self.addresses.queries);
        let request = || {
            let request = self.http.get(&url).query(parameters);
            reached.iter().fold(request, |request, token| request.header("Read-After", token))
        };
        match self.until_answered(request).await {
            Ok(answer) => answer.json().await.map(Some).map_err(|error| Fault::GaveUp(error.to_string())),
            Err(Fault::Refused { status: StatusCode::NOT_FOUND, .. }) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Sends the request until somebody answers it. What is not refused for good is repeated: a command has its id.
    async fn until_answered(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Fault> {
        let mut pause = PAUSE_MIN;
        let mut last = String::new();
        for attempt in 0..ATTEMPTS_MAX {
            let sent = request().bearer_auth(&*self.token.read().await).send().await;
            let mut wait = pause;
            match sent {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                    last = refusal(answer).await.to_string();
                    // It may have run out during a long import. A new one that is refused too ends in giving up.
                    if let Err(error) = self.renew_token().await {
                        last = format!("{error:#}");
                    }
                }
                Ok(answer) if temporary(answer.status()) => {
                    wait = asked_pause(&answer).unwrap_or(pause).min(PAUSE_MAX);
                    last = refusal(answer).await.to_string();
                }
                Ok(answer) => return Err(refusal(answer).await),
                Err(error) => last = with_causes(&error),
            }
            if attempt >= ATTEMPTS_SILENT {
                self.tell(&last);
            }
            tokio::time::sleep(wait / 2 + infra::random::jitter(wait / 2)).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Err(Fault::GaveUp(last))
    }

    /// Says what is wrong, now and then: all rooms meet the same trouble.
    fn tell(&self, trouble: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= TELL_INTERVAL) {
            *told = Some(Instant::now());
            say::progress(&format!("waiting for the server: {trouble}"));
        }
    }

    async fn renew_token(&self) -> Result<()> {
        let token = match &self.source {
            TokenSource::File(file) => {
                std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
            }
            TokenSource::Asked(accounts) => accounts.import_token(IMPORTER, TOKEN_DURATION).await?,
        };
        token.trim().clone_into(&mut *self.token.write().await);
        Ok(())
    }
}

const fn temporary(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

fn asked_pause(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

async fn refusal(answer: Response) -> Fault {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Problem {
        code: String,
        detail: String,
    }
    let status = answer.status();
    let problem: Problem = answer.json().await.unwrap_or_default();
    let code = if problem.code.is_empty() { status.to_string() } else { problem.code };
    Fault::Refused { status, code, detail: problem.detail }
}

fn with_causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
