//! auth-api's internal listener, as a tool sees it: with a token of its own, which it gets for the service secret.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use domain::UserId;
use infra::clock::SystemClock;
use infra::config::Config;
use infra::tokens::{AskedOfAuthApi, ServiceTokens as _};
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::compose::secrets;

/// What the command line is called in the audit table.
const NAME: &str = "admin";
/// How long an answer may take: a registration is waited for.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(30);

/// Asks auth-api.
pub struct Client {
    http: reqwest::Client,
    url: String,
    tokens: AskedOfAuthApi,
}

impl Client {
    /// Goes to `url`, else to the listener of the settings.
    pub async fn connect(url: Option<&str>, config: &Config) -> Result<Self> {
        let client = Self::new(url, config)?;
        client.tokens.token().await.with_context(|| format!("{} gives no token", client.url))?;
        Ok(client)
    }

    /// As [`Client::connect`], but nobody is asked yet.
    pub fn new(url: Option<&str>, config: &Config) -> Result<Self> {
        let own = || format!("http://{}", config.node.internal_listen);
        let url = url.or(config.upstream.auth_api_url.as_deref()).map_or_else(own, |url| url.trim_end_matches('/').to_owned());
        let secret = secrets::present_service_secret(config)?;
        let tokens = AskedOfAuthApi::new(UserId::parse(NAME)?, &url, secret, Arc::new(SystemClock))?;
        Ok(Self { http: reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?, url, tokens })
    }

    /// Asks for something, and refuses what is no success.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.url));
        self.send(body.iter().fold(request, |request, body| request.json(body))).await
    }

    /// Asks for what a query names.
    pub async fn query(&self, path: &str, query: &[(&str, String)]) -> Result<Response> {
        self.send(self.http.get(format!("{}{path}", self.url)).query(query)).await
    }

    /// A token of the `import` scope, in the name of `user`.
    pub async fn import_token(&self, user: &str, duration: Duration) -> Result<String> {
        #[derive(Deserialize)]
        struct Issued {
            token: String,
        }
        let wish = json!({ "userId": user, "scope": ["import"], "seconds": duration.as_secs() });
        let issued: Issued = self.ask(Method::POST, "/internal/tokens", Some(&wish)).await?.json().await?;
        Ok(issued.token)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let token = self.tokens.token().await?;
        let answer = request
            .bearer_auth(&*token.0)
            .send()
            .await
            .with_context(|| format!("{} does not answer; start the system there (./run), or set --url", self.url))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        #[derive(Deserialize)]
        struct Problem {
            title: String,
            detail: Option<String>,
            #[serde(default)]
            errors: Vec<Wrong>,
        }
        #[derive(Deserialize)]
        struct Wrong {
            pointer: String,
            reason: String,
        }
        let status = answer.status();
        let problem: Problem =
            answer.json().await.with_context(|| format!("{} answered {status}: is that auth-api?", self.url))?;
        let fields = problem.errors.into_iter().map(|wrong| format!("{} {}", wrong.pointer, wrong.reason)).collect::<Vec<_>>();
        match (problem.detail, fields.is_empty()) {
            (_, false) => bail!("{}: {}", problem.title, fields.join("; ")),
            (Some(detail), true) => bail!("{}: {detail}", problem.title),
            (None, true) => bail!("{}", problem.title),
        }
    }
}

/// `text` as one segment of a path.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
