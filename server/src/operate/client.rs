//! The internal listener of a process with projectors, as the tools see it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use infra::config::Config;
use reqwest::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::Operator;

/// How long an answer may take: counting parked events reads their whole topic.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(60);

/// A refusal or a fault, as the server put it.
#[derive(Debug, Clone, Deserialize, thiserror::Error)]
#[error("{}", .detail.as_deref().unwrap_or(.title))]
pub struct Refused {
    code: String,
    title: String,
    detail: Option<String>,
}

/// The code of a problem, if the error is one.
pub fn code(error: &anyhow::Error) -> Option<&str> {
    error.downcast_ref::<Refused>().map(|refused| refused.code.as_str())
}

/// Asks on behalf of somebody.
pub struct Client {
    http: reqwest::Client,
    url: String,
    by: String,
}

impl Client {
    /// Goes where `operator` says, else to the listener of the settings.
    pub fn new(operator: &Operator, config: &Config) -> Result<Self> {
        let http = reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?;
        let own = || format!("http://{}", config.node.internal_listen);
        let url = operator.url.as_ref().map_or_else(own, |url| url.trim_end_matches('/').to_owned());
        Ok(Self { http, url, by: operator.by.clone() })
    }

    /// Who asks.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Asks for something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.answered(self.http.get(format!("{}{path}", self.url)).send().await).await?;
        Ok(answer.json().await?)
    }

    /// Asks for something to be done, and for how it stands then.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T> {
        Ok(self.send(path, body).await?.json().await?)
    }

    /// Asks for something to be done.
    pub async fn command(&self, path: &str, body: &Value) -> Result<()> {
        self.send(path, body).await.map(drop)
    }

    async fn send(&self, path: &str, body: &Value) -> Result<Response> {
        self.answered(self.http.post(format!("{}{path}", self.url)).json(body).send().await).await
    }

    async fn answered(&self, answer: reqwest::Result<Response>) -> Result<Response> {
        let hint = || format!("{} does not answer: start the system, or name a process with projectors by --url", self.url);
        let answer = answer.with_context(hint)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let refused: Refused =
            answer.json().await.with_context(|| format!("{} answered {status}: is that a process with projectors?", self.url))?;
        Err(refused.into())
    }
}
