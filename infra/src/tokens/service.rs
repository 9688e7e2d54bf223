//! Tokens of services: where this process signs, by its own key; elsewhere, asked of auth-api with a secret that both know.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::{Timestamp, UserId};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use super::{Grant, Issued, KeyFault, Signer, Token, files};
use crate::clock::Clock;
use crate::random;

/// How long a token that was asked for is good.
pub const ASKED_TOKEN_DURATION: Duration = Duration::from_secs(10 * 60);
/// How long before its end a token is replaced, in milliseconds.
const REPLACED_BEFORE_MS: i64 = 2 * 60 * 1000;
/// How long auth-api may take for an answer.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(5);
/// The least characters of a secret.
const SECRET_CHARACTERS_MIN: usize = 32;

/// Why a service has no token.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NoServiceToken {
    /// It cannot be signed, which would be a defect.
    #[error("a service token cannot be signed: {0}")]
    Signing(String),
    /// auth-api cannot be reached. Trying again later will help.
    #[error("auth-api cannot be asked for a service token: {0}")]
    Unreachable(String),
    /// auth-api says no: the secret is another one there.
    #[error("auth-api refuses a service token (status {0}): is the service secret the same on both sides?")]
    Refused(u16),
}

/// Gives a service its own token, with the scope `service`.
#[async_trait]
pub trait ServiceTokens: Send + Sync + 'static {
    /// A token that is good for a minute at least.
    ///
    /// # Errors
    /// [`NoServiceToken`].
    async fn token(&self) -> Result<Token, NoServiceToken>;
}

/// The secret by which services prove to auth-api who they are. Its `Debug` hides it.
#[derive(Clone)]
pub struct ServiceSecret(Arc<str>);

impl std::fmt::Debug for ServiceSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServiceSecret(hidden)")
    }
}

impl ServiceSecret {
    /// The secret in `file`, which is made, readable by its owner alone, if it is not there.
    ///
    /// # Errors
    /// [`KeyFault`]; a file that others may read, or a short secret, is refused.
    pub fn open(file: &Path) -> Result<Self, KeyFault> {
        let fresh = || format!("{}{}\n", random::uuid_v4().simple(), random::uuid_v4().simple());
        let text = files::open_secret(file, fresh)?;
        let secret = String::from_utf8_lossy(&text).trim().to_owned();
        if secret.chars().count() < SECRET_CHARACTERS_MIN {
            return Err(KeyFault::ShortSecret { path: file.display().to_string(), characters_min: SECRET_CHARACTERS_MIN });
        }
        Ok(Self(secret.into()))
    }

    /// Whether `given` is the secret. Digests are compared, so that the time says nothing about the secret itself.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(given.as_bytes())
    }
}

/// Signs its own: for the process that holds the keys.
pub struct SignedHere {
    /// The service's name.
    pub service: UserId,
    /// The key that signs now.
    pub signer: Box<dyn Fn() -> Arc<Signer> + Send + Sync>,
}

#[async_trait]
impl ServiceTokens for SignedHere {
    async fn token(&self) -> Result<Token, NoServiceToken> {
        let issued = (self.signer)().issue(&Grant::service(self.service.clone()));
        issued.map(|issued| issued.token).map_err(|error| NoServiceToken::Signing(error.to_string()))
    }
}

/// Asks auth-api, and keeps the answer as long as it is good: auth-api may be down for minutes without anybody noticing.
pub struct AskedOfAuthApi {
    service: UserId,
    url: String,
    secret: ServiceSecret,
    client: reqwest::Client,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<Issued>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    token: String,
    expires_at: Timestamp,
}

impl AskedOfAuthApi {
    /// For `service`, at auth-api's internal listener, such as `http://127.0.0.1:9101`.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(service: UserId, url: &str, secret: ServiceSecret, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(ANSWER_DURATION_MAX).build()?;
        let url = format!("{}/internal/service-tokens", url.trim_end_matches('/'));
        Ok(Self { service, url, secret, client, clock, held: Mutex::new(None) })
    }

    async fn ask(&self) -> Result<Issued, NoServiceToken> {
        let unreachable = |error: reqwest::Error| NoServiceToken::Unreachable(error.to_string());
        let asked = self.client.post(&self.url).bearer_auth(&self.secret.0);
        let answer = asked.json(&serde_json::json!({"service": self.service})).send().await.map_err(unreachable)?;
        match answer.status().as_u16() {
            200 => {
                let Answer { token, expires_at } = answer.json().await.map_err(unreachable)?;
                Ok(Issued { token: Token(token.into()), expires_at })
            }
            status @ 400..=428 => Err(NoServiceToken::Refused(status)),
            status => Err(NoServiceToken::Unreachable(format!("status {status}"))),
        }
    }
}

#[async_trait]
impl ServiceTokens for AskedOfAuthApi {
    async fn token(&self) -> Result<Token, NoServiceToken> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        let good_for = |ms: i64| {
            let still = |issued: &&Issued| issued.expires_at > now.saturating_add_millis(ms);
            held.as_ref().filter(still).map(|issued| issued.token.clone())
        };
        if let Some(token) = good_for(REPLACED_BEFORE_MS) {
            return Ok(token);
        }
        match self.ask().await {
            Ok(issued) => Ok(held.insert(issued).token.clone()),
            Err(refused @ NoServiceToken::Refused(_)) => Err(refused),
            // The old one may be good for another two minutes.
            Err(fault) => good_for(REPLACED_BEFORE_MS / 2).ok_or(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::{HeaderMap, StatusCode};
    use axum::routing::post;

    use super::*;

    /// A clock that stands where it is put.
    struct Stopped(AtomicI64);
    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst)).unwrap()
        }
    }

    #[tokio::test]
    async fn a_token_is_asked_for_once_and_kept_while_auth_api_is_down() {
        let folder = tempfile::tempdir().unwrap();
        let secret = ServiceSecret::open(&folder.path().join("secret")).unwrap();
        assert!(secret.is(&secret.0) && !secret.is("another"));
        let (clock, asked) = (Arc::new(Stopped(AtomicI64::new(0))), Arc::new(AtomicUsize::new(0)));
        let (asked_here, secret_here) = (Arc::clone(&asked), secret.clone());
        let answer = async move |headers: HeaderMap| {
            let given = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
            let number = asked_here.fetch_add(1, Ordering::SeqCst) + 1;
            let expires_at = Timestamp::from_millis(600_000 * i64::try_from(number).unwrap()).unwrap();
            let body = serde_json::json!({"token": format!("token {number}"), "expiresAt": expires_at}).to_string();
            if secret_here.is(given) { (StatusCode::OK, body) } else { (StatusCode::UNAUTHORIZED, body) }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let router = Router::new().route("/internal/service-tokens", post(answer));
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let service = UserId::parse("orchestrator").unwrap();
        let tokens = |secret| AskedOfAuthApi::new(service.clone(), &url, secret, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        let good = tokens(secret);
        for (now, wanted) in [(0, "token 1"), (479_999, "token 1"), (480_000, "token 2")] {
            clock.0.store(now, Ordering::SeqCst);
            assert_eq!(&*good.token().await.unwrap().0, wanted);
        }
        let other = ServiceSecret::open(&folder.path().join("other")).unwrap();
        assert!(matches!(tokens(other).token().await, Err(NoServiceToken::Refused(401))));
        server.abort();
        let _ = server.await;
        for (now, good_still) in [(1_100_000, true), (1_150_000, false)] {
            clock.0.store(now, Ordering::SeqCst);
            assert_eq!(good.token().await.is_ok(), good_still, "{now}");
        }
    }
}
