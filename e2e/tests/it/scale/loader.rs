//! Many commands at once, with a token of the `import` scope.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use domain::{Scope, UserId};
use e2e::patience::{LATE, until};
use e2e::person::{Person, key};
use e2e::process::Node;
use e2e::system::Addresses;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use infra::tokens::Grant;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// Commands on their way at once, each on a connection.
const IN_FLIGHT: usize = 256;
/// Before a command that was turned away is repeated.
const PAUSE: Duration = Duration::from_millis(50);

/// A command: method, path, body.
pub type Wish = (Method, String, Value);

/// What became of one.
#[derive(Debug)]
pub struct Made {
    pub body: Value,
    pub read_token: Option<String>,
}

impl Made {
    fn sequence(&self) -> u64 {
        self.read_token.as_deref().map_or(0, sequence)
    }
}

/// The place in its partition that a read token names.
fn sequence(token: &str) -> u64 {
    token.rsplit_once('.').and_then(|(_, sequence)| sequence.parse().ok()).unwrap_or(0)
}

/// The one who sends them.
#[derive(Clone)]
pub struct Loader {
    http: Client,
    token: Arc<str>,
    public: String,
    internal: String,
}

impl Loader {
    /// Signs its own token, with the key that the node made in its data folder.
    pub async fn new(at: &Addresses, node: &Node, data: &Path) -> Result<Self> {
        let signer = e2e::keys::signer(data).await?;
        let (user, scope) = (UserId::parse("loader")?, Scope { import: true, ..Scope::default() });
        let token = signer.issue(&Grant { user, scope, session: None, duration: Duration::from_secs(86_400) })?;
        let http = Client::builder().pool_max_idle_per_host(IN_FLIGHT).timeout(Duration::from_secs(60)).build()?;
        Ok(Self { http, token: token.token.0.as_ref().into(), public: at.command.clone(), internal: node.internal_url() })
    }

    /// Registers people.
    pub async fn register(&self, people: &[String]) -> Result<()> {
        let wishes =
            people.iter().map(|user| (Method::POST, "/internal/users".to_owned(), json!({ "userId": user, "userName": user })));
        self.run(&self.internal, wishes.collect()).try_for_each(async |_| Ok(())).await
    }

    /// Sends commands, and returns what became of each, in their order.
    pub async fn commands(&self, wishes: impl Iterator<Item = Wish>) -> Result<Vec<Made>> {
        self.run(&self.public, wishes.collect()).try_collect().await
    }

    /// Sends commands to one room, and returns what the log has last of them: many are under way at once, so it need not be the
    /// last that was sent.
    pub async fn stream(&self, wishes: impl Iterator<Item = Wish>) -> Result<Option<Made>> {
        let later = async |last: Option<Made>, made: Made| Ok(last.into_iter().chain([made]).max_by_key(Made::sequence));
        self.run(&self.public, wishes.collect()).try_fold(None, later).await
    }

    fn run(&self, to: &str, wishes: Vec<Wish>) -> impl stream::Stream<Item = Result<Made>> + use<> {
        let (loader, to) = (self.clone(), to.to_owned());
        let calls = wishes.into_iter().map(move |wish| (loader.clone(), to.clone(), wish));
        stream::iter(calls).map(async |(loader, to, wish): (Self, String, Wish)| loader.one(&to, wish).await).buffered(IN_FLIGHT)
    }

    /// One command, until it is taken.
    async fn one(&self, to: &str, (method, path, body): Wish) -> Result<Made> {
        let (url, id, began) = (format!("{to}{path}"), key().to_string(), Instant::now());
        loop {
            let request = self.http.request(method.clone(), &url).bearer_auth(&self.token).header("Idempotency-Key", &id);
            let answer = request.json(&body).send().await?;
            let status = answer.status();
            let read_token = answer.headers().get("Read-Token").and_then(|value| value.to_str().ok()).map(str::to_owned);
            let said: Value = answer.json().await.context("an answer that is no JSON")?;
            match status {
                status if status.is_success() => return Ok(Made { body: said, read_token }),
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS if began.elapsed() < LATE => {
                    tokio::time::sleep(PAUSE).await
                }
                status => bail!("{path}: {status} {said}"),
            }
        }
    }

    /// Returns when the read model holds what the last of these commands made, and all before it.
    pub async fn caught_up(&self, reader: &Person, made: &[Made]) -> Result<()> {
        // A partition's last token is its highest.
        let mut tokens: Vec<&str> = made.iter().filter_map(|made| made.read_token.as_deref()).collect();
        tokens.sort_by_key(|token| token.split_once('.').map(|(partition, _)| (partition, sequence(token))));
        tokens.dedup_by(|later, earlier| {
            let same = later.split('.').next() == earlier.split('.').next();
            if same {
                *earlier = later;
            }
            same
        });
        let after = tokens.join(",");
        let there = || async { Ok(reader.query("/user/me", None).await?.status.is_success().then_some(())) };
        until("the server", LATE, there).await?;
        until("the read model", LATE * 4, || async {
            Ok(reader.query("/chat/mentions?limit=1", Some(&after)).await?.status.is_success().then_some(()))
        })
        .await
    }
}
