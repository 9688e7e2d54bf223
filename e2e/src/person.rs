//! A person, or rather their client: signs in, sends commands, asks queries.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::system::Addresses;

/// How long one request may take before the client gives up on it.
const REQUEST: Duration = Duration::from_secs(20);
/// How long [`Person::insist`] repeats a command whose outcome is not known.
const INSIST: Duration = Duration::from_secs(90);
/// Between two repetitions.
const PAUSE: Duration = Duration::from_millis(100);

/// What everybody's password is here.
pub const PASSWORD: &str = "correct horse battery staple";

/// Somebody who signed in.
#[derive(Clone)]
pub struct Person {
    /// The user id.
    pub id: String,
    /// The access token.
    pub token: String,
    /// Where requests go; may be changed to another node at any time.
    pub at: Addresses,
    http: reqwest::Client,
}

/// An answer of the server.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The JSON body, `null` if there was none.
    pub body: Value,
    /// The `Read-Token` of a command.
    pub read_token: Option<String>,
}

impl Answer {
    /// The answer, if the status is a success.
    ///
    /// # Errors
    /// With status and body otherwise.
    pub fn success(self) -> Result<Self> {
        ensure!(self.status.is_success(), "{}: {}", self.status, self.body);
        Ok(self)
    }

    /// The code of a problem document.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body.get("code").and_then(Value::as_str).unwrap_or_default()
    }

    /// A string of the body by its JSON pointer.
    ///
    /// # Errors
    /// When there is none.
    pub fn text(&self, pointer: &str) -> Result<&str> {
        self.body.pointer(pointer).and_then(Value::as_str).with_context(|| format!("no text {pointer} in {}", self.body))
    }

    /// A number of the body by its JSON pointer.
    ///
    /// # Errors
    /// When there is none.
    pub fn number(&self, pointer: &str) -> Result<u64> {
        self.body.pointer(pointer).and_then(Value::as_u64).with_context(|| format!("no number {pointer} in {}", self.body))
    }

    /// An array of the body by its JSON pointer.
    ///
    /// # Errors
    /// When there is none.
    pub fn array(&self, pointer: &str) -> Result<&[Value]> {
        let found = self.body.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice);
        found.with_context(|| format!("no array {pointer} in {}", self.body))
    }
}

impl Person {
    /// Registers whoever is new, and signs in.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn sign_in(at: &Addresses, id: &str) -> Result<Self> {
        Self::sign_in_from(at, id, None).await
    }

    /// As [`Self::sign_in`]; all requests of the person come from that address of this machine.
    ///
    /// # Errors
    /// As [`Self::sign_in`].
    pub async fn sign_in_from(at: &Addresses, id: &str, from: Option<IpAddr>) -> Result<Self> {
        let mut person = Self::nobody_from(at, id, from)?;
        let wish = json!({ "userId": id, "password": PASSWORD });
        // Just after a start nobody may own the partition of users yet: the registration is then still under way.
        let registered = |status: StatusCode| matches!(status, StatusCode::CREATED | StatusCode::CONFLICT);
        person.insist_on("/user", &wish, registered).await?;
        let answer = person.insist_on("/user/login", &wish, |status| status == StatusCode::OK).await?;
        answer.text("/token")?.clone_into(&mut person.token);
        Ok(person)
    }

    /// Somebody who has not signed in.
    ///
    /// # Errors
    /// When there is no HTTP client.
    pub fn nobody(at: &Addresses, id: &str) -> Result<Self> {
        Self::nobody_from(at, id, None)
    }

    fn nobody_from(at: &Addresses, id: &str, from: Option<IpAddr>) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(REQUEST).local_address(from).build()?;
        Ok(Self { id: id.to_owned(), token: String::new(), at: at.clone(), http })
    }

    /// Asks auth-api until the status is `wanted`, under one key; a 202 and a 503 are asked again.
    async fn insist_on(&self, path: &str, body: &Value, wanted: impl Fn(StatusCode) -> bool) -> Result<Answer> {
        let (key, began) = (key(), Instant::now());
        loop {
            let answer = self.user(Method::POST, path, Some(body), key).await?;
            if wanted(answer.status) {
                return Ok(answer);
            }
            let patience = matches!(answer.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::ACCEPTED);
            ensure!(patience && began.elapsed() < INSIST, "{path} of {}: {answer:?}", self.id);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// One question to auth-api, with the token if there is one.
    ///
    /// # Errors
    /// When there was no answer.
    pub async fn user(&self, method: Method, path: &str, body: Option<&Value>, key: Uuid) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.at.auth)).header("Idempotency-Key", key.to_string());
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        read(body.iter().fold(request, |request, body| request.json(body)).send().await?).await
    }

    /// One attempt at a command. `key` is the idempotency key.
    ///
    /// # Errors
    /// When there was no answer; the outcome is then unknown.
    pub async fn command(&self, method: Method, path: &str, body: Option<&Value>, key: Uuid) -> Result<Answer> {
        let request = self.http.request(method, format!("{}{path}", self.at.command)).bearer_auth(&self.token);
        let request = request.header("Idempotency-Key", key.to_string());
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        read(request.send().await?).await
    }

    /// Repeats a command with the same key until its outcome is known, as a careful client does; each attempt goes to the
    /// next of `nodes` (command-api addresses).
    ///
    /// # Errors
    /// When the outcome is still unknown after [`INSIST`], or the command is refused.
    pub async fn insist(&self, nodes: &[String], method: Method, path: &str, body: Option<&Value>, key: Uuid) -> Result<Answer> {
        let began = Instant::now();
        let mut last = String::new();
        for node in nodes.iter().cycle() {
            if began.elapsed() > INSIST {
                break;
            }
            let mut person = self.clone();
            person.at.command.clone_from(node);
            match person.command(method.clone(), path, body, key).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                // 5xx: not executed, or not known; 429: too fast.
                Ok(answer) if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS => {
                    last = format!("{answer:?}");
                }
                Ok(answer) => bail!("{path}: {answer:?}"),
                Err(error) => last = format!("{error:#}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{path}: no outcome within {INSIST:?}; last: {last}")
    }

    /// A query, after what `after` (a read token) stands for is visible.
    ///
    /// # Errors
    /// When there was no answer.
    pub async fn query(&self, path: &str, after: Option<&str>) -> Result<Answer> {
        let mut request = self.http.get(format!("{}{path}", self.at.query)).bearer_auth(&self.token);
        if let Some(token) = after {
            request = request.header("Read-After", token);
        }
        read(request.send().await?).await
    }

    /// Creates a room and returns its id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_room(&self, kind: &str, name: &str) -> Result<String> {
        let body = json!({ "kind": kind, "name": name });
        let nodes = [self.at.command.clone()];
        let answer = self.insist(&nodes, Method::POST, "/chat/rooms", Some(&body), key()).await?;
        Ok(answer.text("/roomId")?.to_owned())
    }

    /// Adds somebody to a room.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn add_member(&self, room: &str, user: &str) -> Result<Answer> {
        let path = format!("/chat/rooms/{room}/members/{user}");
        self.insist(std::slice::from_ref(&self.at.command), Method::PUT, &path, Some(&json!({})), key()).await
    }

    /// Sends a message, insisting, and returns the answer.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn send(&self, room: &str, text: &str) -> Result<Answer> {
        let path = format!("/chat/rooms/{room}/messages");
        self.insist(std::slice::from_ref(&self.at.command), Method::POST, &path, Some(&json!({ "text": text })), key()).await
    }

    /// A room's whole history, oldest first, page by page.
    ///
    /// # Errors
    /// When a page is refused or does not follow the one before.
    pub async fn history(&self, room: &str, after: Option<&str>) -> Result<Vec<Value>> {
        let mut messages: Vec<Value> = Vec::new();
        loop {
            let last = messages.last().and_then(|message| message.get("number")).and_then(Value::as_u64).unwrap_or(0);
            let path = format!("/chat/rooms/{room}/messages?after={last}&limit=200");
            let page = self.query(&path, after).await?.success()?;
            let items = page.array("/items")?;
            if items.is_empty() {
                return Ok(messages);
            }
            let first = items.first().and_then(|message| message.get("number")).and_then(Value::as_u64);
            ensure!(first > Some(last), "page after {last} begins with {first:?}");
            messages.extend_from_slice(items);
        }
    }
}

/// A fresh idempotency key.
#[must_use]
pub fn key() -> Uuid {
    infra::random::uuid_v7()
}

async fn read(response: reqwest::Response) -> Result<Answer> {
    let status = response.status();
    let read_token = response.headers().get("Read-Token").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let is_json = response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("json"));
    let bytes = response.bytes().await?;
    let body =
        if is_json { serde_json::from_slice(&bytes)? } else { Value::String(String::from_utf8_lossy(&bytes).into_owned()) };
    Ok(Answer { status, body, read_token })
}
