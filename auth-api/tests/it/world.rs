//! A log with its chat, and nodes of the service over one database.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auth_api::keyring::{Keyring, Schedule};
use auth_api::passwords::Pool;
use auth_api::{Identity, Options, Ports, http};
use axum::Router;
use domain::{Scope, UserId};
use infra::clock::{Clock, SystemClock};
use infra::credentials::{Credentials, sqlite};
use infra::http::layers::{self, Limits};
use infra::log::{Log, Topic, TopicPartition, embedded};
use infra::revocation::{Revocations, follow};
use infra::tokens::{Grant, SealingKey, ServiceSecret};
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::chat::Chat;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A password that is good enough.
pub const PASSWORD: &str = "correct horse battery staple";

pub struct World {
    pub log: Arc<dyn Log>,
    pub chat: Arc<Chat>,
    folder: tempfile::TempDir,
}

/// One node of the service, with its tasks unless it was made without.
pub struct Node {
    pub identity: Identity,
    pub credentials: Arc<dyn Credentials>,
    pub keyring: Arc<Keyring>,
    pub url: String,
    pub internal_url: String,
    pub http: reqwest::Client,
    stop: CancellationToken,
    servers: [AbortHandle; 2],
}

/// An answer: status, headers and body.
pub type Answer = (u16, HeaderMap, Value);

/// Options with which a test does not wait, and is not made to.
pub fn options() -> Options {
    let free = |policy| infra::credentials::Policy { free: 1_000, ..policy };
    let defaults = Options::default();
    Options {
        registration_wait_max: PATIENCE / 4,
        pool: Pool { workers: 2, waiting_max: 1_000 },
        account_policy: free(defaults.account_policy),
        address_policy: free(defaults.address_policy),
        registration_policy: free(defaults.registration_policy),
        ..defaults
    }
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = embedded::open(&folder.path().join("log"), embedded::Options::default()).unwrap();
        let chat = Chat::start(Arc::clone(&log) as Arc<dyn Log>).await;
        Self { log, chat, folder }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The database, opened anew as after a start.
    pub async fn credentials(&self) -> Arc<dyn Credentials> {
        sqlite::open(&self.file("auth.db")).await.unwrap()
    }

    /// A node that runs.
    pub async fn node(&self, options: Options) -> Node {
        let node = self.node_without_tasks(options).await;
        tokio::spawn(node.identity.relay().run(node.stop.clone()));
        tokio::spawn(node.identity.follower().run(node.stop.clone()));
        node
    }

    /// A node whose outbox nobody sends, and that follows nothing.
    pub async fn node_without_tasks(&self, options: Options) -> Node {
        let credentials = self.credentials().await;
        let (clock, stop): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), CancellationToken::new());
        let revocations = Arc::new(Revocations::default());
        let following = follow(Arc::clone(&self.log), Arc::clone(&revocations), Arc::clone(&clock), stop.clone(), || {});
        tokio::spawn(following);
        let sealing = SealingKey::open(&self.file("sealing.key")).unwrap();
        let refusing = |verifier: infra::tokens::Verifier| Arc::new(verifier.refusing(revocations));
        let keyring = Keyring::open(Arc::clone(&credentials), sealing, "test", Arc::clone(&clock), Schedule::default(), refusing);
        let keyring = keyring.await.unwrap();
        let ports = Ports {
            credentials: Arc::clone(&credentials),
            log: Arc::clone(&self.log),
            keyring: Arc::clone(&keyring),
            service_secret: ServiceSecret::open(&self.file("service.secret")).unwrap(),
            clock,
        };
        let identity = Identity::new(options, ports).unwrap();
        let (url, public) = serve(http::router(identity.clone())).await;
        let (internal_url, internal) = serve(http::internal_router(identity.clone())).await;
        let servers = [public, internal];
        Node { identity, credentials, keyring, url, internal_url, http: reqwest::Client::new(), stop, servers }
    }

    /// Everything that stands in `topic`, as text.
    pub async fn said_in(&self, topic: Topic) -> String {
        let mut said = String::new();
        for partition in 0..self.log.partitions(topic).get() {
            let of = TopicPartition { topic, partition };
            let (mut tail, end) = (self.log.tail(of, 0).await.unwrap(), self.log.end(of).await.unwrap());
            let mut next = 0;
            while next < end {
                for stored in tail.next(100, PATIENCE).await.unwrap() {
                    next = stored.offset + 1;
                    for (name, value) in &stored.record.headers {
                        said += &format!("{name}: {}\n", String::from_utf8_lossy(value));
                    }
                    said += &String::from_utf8_lossy(&stored.record.key);
                    said += &String::from_utf8_lossy(&stored.record.value);
                }
            }
        }
        said
    }
}

async fn serve(router: Router) -> (String, AbortHandle) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = layers::complete(router, Limits::default()).into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(async move { axum::serve(listener, service).await });
    (format!("http://{address}"), server.abort_handle())
}

impl Drop for Node {
    fn drop(&mut self) {
        self.stop.cancel();
        self.servers.iter().for_each(AbortHandle::abort);
    }
}

impl Node {
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
        ask(&self.http, method, format!("{}{path}", self.url), body, headers).await
    }

    pub async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::POST, path, Some(body), headers).await
    }

    /// As whoever holds `token`.
    pub async fn as_holder(&self, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
        self.ask(method, path, body, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// As the command line, over the internal listener.
    pub async fn as_admin(&self, scope: Scope, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let grant = Grant { user: id("admin"), scope, session: None, duration: Duration::from_secs(60) };
        let token = self.keyring.signer().issue(&grant).unwrap().token.0;
        let bearer = format!("Bearer {token}");
        ask(&self.http, method, format!("{}{path}", self.internal_url), body, &[("authorization", &bearer)]).await
    }

    pub async fn register(&self, name: &str) {
        let (status, _, body) = self.post("/user", &person(name), &[]).await;
        assert_eq!(status, 201, "{body}");
    }

    pub async fn log_in(&self, name: &str) -> Value {
        let (status, _, body) = self.post("/user/login", &json!({"userId": name, "password": PASSWORD}), &[]).await;
        assert_eq!(status, 200, "{body}");
        body
    }
}

async fn ask(http: &reqwest::Client, method: Method, url: String, body: Option<&Value>, headers: &[(&str, &str)]) -> Answer {
    let mut request = http.request(method, url);
    if let Some(body) = body {
        request = request.json(body);
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

/// What somebody sends to be registered.
pub fn person(name: &str) -> Value {
    json!({"userId": name, "password": PASSWORD, "email": format!("{name}@secret.example")})
}

pub fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

/// Waits for a condition.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = tokio::time::Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
