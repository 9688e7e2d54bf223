//! Who exists: command-api knows, and is asked over its internal listener with a service token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::text::UserName;
use domain::{CommandId, UserId};
use infra::http::problem::{self, Code};
use infra::tokens::{Grant, Signer};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;

/// The name in our service tokens.
const SERVICE: &str = "auth-api";
/// How long command-api may take for one answer: longer than it gives its own bus, so that its answer is heard.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(12);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Why nobody was registered or found.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// command-api says no.
    #[error("command-api refused: {}", code.code)]
    Refused {
        /// The code it said.
        code: &'static Code,
        /// What was wrong this time.
        detail: Option<String>,
    },
    /// command-api cannot be reached, or answered nonsense. Whether somebody was registered is not known.
    #[error("command-api cannot be reached")]
    Unreachable,
}

/// Somebody was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// How far a reader must be to know it.
    pub read_token: Option<String>,
}

/// Registers people and knows them.
#[async_trait]
pub trait People: Send + Sync + 'static {
    /// Registers `user`. The same `id` again has the same outcome.
    ///
    /// # Errors
    /// [`Fault::Refused`] with `user-exists` where somebody else has the id.
    async fn register(&self, id: CommandId, user: &UserId, name: &UserName) -> Result<Registered, Fault>;

    /// Whether `user` is registered and has not left.
    ///
    /// # Errors
    /// [`Fault`].
    async fn is_active(&self, user: &UserId) -> Result<bool, Fault>;
}

/// command-api's internal listener.
pub struct CommandApi {
    url: String,
    client: reqwest::Client,
    signer: Arc<Signer>,
    service: UserId,
}

/// Why there is no client to ask command-api with. Both would be defects.
#[derive(Debug, thiserror::Error)]
pub enum ClientFault {
    /// No HTTP client can be made.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// Our own name is no user id.
    #[error(transparent)]
    Name(#[from] domain::ids::UserIdError),
}

impl CommandApi {
    /// A client for the internal listener at `url`, such as `http://127.0.0.1:8081`.
    ///
    /// # Errors
    /// [`ClientFault`].
    pub fn new(url: &str, signer: Arc<Signer>) -> Result<Self, ClientFault> {
        let client = reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), client, signer, service: UserId::parse(SERVICE)? })
    }

    async fn ask(&self, request: RequestBuilder) -> Result<reqwest::Response, Fault> {
        let token = self.signer.issue(&Grant::service(self.service.clone())).map_err(unreachable)?;
        let answer = request.bearer_auth(&*token.token.0).send().await.map_err(unreachable)?;
        if answer.status().is_success() { Ok(answer) } else { Err(refusal(answer).await) }
    }
}

#[async_trait]
impl People for CommandApi {
    async fn register(&self, id: CommandId, user: &UserId, name: &UserName) -> Result<Registered, Fault> {
        let body = serde_json::json!({"userId": user, "userName": name});
        let request =
            self.client.post(format!("{}/internal/users", self.url)).header("idempotency-key", id.to_string()).json(&body);
        let answer = self.ask(request).await?;
        let read_token = answer.headers().get(infra::http::read_token::READ_TOKEN).and_then(|token| token.to_str().ok());
        Ok(Registered { read_token: read_token.map(str::to_owned) })
    }

    async fn is_active(&self, user: &UserId) -> Result<bool, Fault> {
        // Through the URL's own parser, because an id may hold any letter.
        let mut url = reqwest::Url::parse(&format!("{}/internal/users", self.url)).map_err(unreachable)?;
        url.path_segments_mut().map_err(|()| Fault::Unreachable)?.push(user.as_str());
        match self.ask(self.client.get(url)).await {
            Ok(_) => Ok(true),
            Err(Fault::Refused { code, .. }) if code.status == StatusCode::NOT_FOUND.as_u16() => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

fn unreachable(error: impl std::fmt::Display) -> Fault {
    tracing::warn!(%error, "command-api cannot be asked");
    Fault::Unreachable
}

/// The problem that command-api answered with, if it is one of ours.
async fn refusal(mut answer: reqwest::Response) -> Fault {
    #[derive(Deserialize)]
    struct Said {
        code: String,
        detail: Option<String>,
    }
    let status = answer.status();
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    let said = serde_json::from_slice::<Said>(&bytes).ok();
    match said.and_then(|said| Some((problem::find(&said.code)?, said.detail))) {
        // What concerns our own token or our own request is no answer to the person who asked.
        Some((code, detail)) if code.status != 401 && code.status != 400 => Fault::Refused { code, detail },
        _ => unreachable(format!("it answered {status}")),
    }
}
