//! Steps as commands: `POST /internal/commands` of command-api.

use std::sync::Arc;
use std::time::Duration;

use domain::UserId;
use domain::command::Body;
use domain::saga::{Outcome, Step};
use infra::saga_state::Saga;
use infra::tokens::ServiceTokens;
use serde::{Deserialize, Serialize};

use super::Attempt;
use crate::process::{Ask, Input};

/// How long command-api may take for one answer: longer than it gives its own bus, so that its answer is heard.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(15);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// command-api's internal listener.
pub struct CommandApi {
    url: String,
    client: reqwest::Client,
    tokens: Arc<dyn ServiceTokens>,
}

/// Why there is no client. It would be a defect.
#[derive(Debug, thiserror::Error)]
#[error("no HTTP client can be made: {0}")]
pub struct NoClient(#[from] reqwest::Error);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    actor: UserId,
    stream: domain::StreamId,
    body: Body,
    correlation_id: uuid::Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<uuid::Uuid>,
}

impl CommandApi {
    /// A client for the internal listener at `url`, such as `http://127.0.0.1:8081`, with tokens of its own.
    ///
    /// # Errors
    /// [`NoClient`].
    pub fn new(url: &str, tokens: Arc<dyn ServiceTokens>) -> Result<Self, NoClient> {
        let client = reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?;
        let url = format!("{}/internal/commands", url.trim_end_matches('/'));
        Ok(Self { url, client, tokens })
    }

    /// Takes `step` of `saga`, once.
    pub async fn take(&self, saga: &Saga, step: &Step, ask: Ask) -> Attempt {
        let token = match self.tokens.token().await {
            Ok(token) => token,
            Err(error) => return Attempt::NotMade(error.to_string()),
        };
        let Ask { actor, stream, body } = ask;
        let asked = Asked { actor, stream, body, correlation_id: saga.id.as_uuid(), causation_id: saga.cause };
        let mut request = self.client.post(&self.url).bearer_auth(&*token.0).json(&asked);
        request = request.header("idempotency-key", saga.id.command(step).to_string());
        if let Some(traceparent) = &saga.traceparent {
            request = request.header("traceparent", traceparent);
        }
        match request.send().await {
            Ok(answer) => of_answer(step, answer).await,
            Err(error) if error.is_connect() => Attempt::NotMade("command-api cannot be reached".to_owned()),
            Err(error) => Attempt::Unknown(format!("command-api gave no answer: {error}")),
        }
    }
}

async fn of_answer(step: &Step, answer: reqwest::Response) -> Attempt {
    let status = answer.status().as_u16();
    let code = code_of(answer).await;
    match Outcome::of_answer(step, status, code.as_deref()) {
        Outcome::Unknown => {
            let problem = format!("command-api answered {status} {}", code.as_deref().unwrap_or_default());
            // These are said before anything is executed.
            if matches!(status, 401 | 403 | 429) { Attempt::NotMade(problem) } else { Attempt::Unknown(problem) }
        }
        known => Attempt::Known(Input::Taken(known)),
    }
}

/// The code of the problem that command-api answered with, if it is one.
async fn code_of(mut answer: reqwest::Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        code: String,
    }
    if answer.status().is_success() {
        return None;
    }
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return None;
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice::<Said>(&bytes).ok().map(|said| said.code)
}
