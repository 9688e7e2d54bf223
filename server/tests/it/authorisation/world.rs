//! The services on the embedded log and SQLite, put together in one process as the program does it, behind one address.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use command_api::cluster::{self, Cluster, ClusterOptions};
use command_api::http::{LogReadPositions, Parts};
use infra::clock::{Clock, SystemClock};
use infra::http::layers;
use infra::log::{Log, Topic, embedded, partition_for};
use infra::read_model::generations::{Current, LEASE};
use infra::revocation::{self, Revocation, Revocations};
use projectors::Projectors;
use query_api::{Ports, QueryApi};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::people::{Forge, Role};
use super::table::Row;

/// Stands in the name of each room and in each message: nobody else may ever see it.
pub const SECRET: &str = "geheim";

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Everything, running.
pub struct World {
    pub forge: Forge,
    pub log: Arc<dyn Log>,
    pub address: SocketAddr,
    internal: SocketAddr,
    cluster: Arc<Cluster>,
    http: reqwest::Client,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub text: String,
    /// The `Read-Token`, if there is one.
    pub read_token: Option<String>,
}

/// A private room with everybody in it, and one message.
pub struct Room {
    pub id: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, read_token) = (response.status().as_u16(), header("read-token"));
        let content_type = header("content-type").unwrap_or_default();
        Self { status, content_type, read_token, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Status and body, but for what is different in each answer.
    pub fn without_trace(&self) -> (u16, Value) {
        let mut json = self.json();
        if let Some(fields) = json.as_object_mut() {
            fields.remove("traceId");
        }
        (self.status, json)
    }
}

impl Room {
    /// A path of the table, with this room in it.
    pub fn fill(&self, path: &str, row: &Row) -> String {
        let path = path.replace("{roomId}", &self.id).replace("{number}", "1");
        path.replace("{emoji}", "%F0%9F%91%8D").replace("{userId}", row.user)
    }

    /// A room that is not there.
    pub fn nowhere() -> Self {
        Self { id: infra::random::uuid_v4().to_string() }
    }
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = embedded::open(&folder.path().join("log"), embedded::Options::default()).unwrap();
        let generations = infra::read_model::sqlite::generations(&folder.path().join("timeline.sqlite")).await.unwrap();
        let (forge, cancel) = (Forge::new(), CancellationToken::new());
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let revocations = Arc::new(Revocations::default());
        let verifier = Arc::new(forge.signer.verifier().refusing(Arc::clone(&revocations)));
        tokio::spawn(revocation::follow(Arc::clone(&log), revocations, Arc::clone(&clock), cancel.clone(), || ()));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let internal = listener.local_addr().unwrap();
        let options = ClusterOptions {
            node: "test".to_owned(),
            internal_url: format!("http://{internal}"),
            state_folder: folder.path().join("state"),
            command_timeout: PATIENCE,
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options, Arc::clone(&log), Arc::clone(&clock)).await.unwrap();
        let options = command_api::http::Options {
            command_duration_max: PATIENCE,
            commands_per_second: NonZeroU32::MAX,
            commands_burst: NonZeroU32::MAX,
            ..command_api::http::Options::default()
        };
        let parts = Parts {
            bus: cluster.clone(),
            reads: Arc::new(LogReadPositions::new(Arc::clone(&log))),
            verifier: Arc::clone(&verifier),
            clock: Arc::clone(&clock),
            options,
        };
        let nodes = cluster::internal_router(Arc::clone(&cluster), Arc::clone(&verifier));
        serve(listener, nodes.merge(command_api::internal_router(parts.clone())));

        let projectors =
            Projectors::start(projectors::Options::default(), Arc::clone(&log), Arc::clone(&generations)).await.unwrap();
        tokio::spawn(projectors.run(cancel.clone()));
        let read_model = Current::follow(generations, LEASE, &cancel).await.unwrap();
        let ports = Ports { read_model, log: Arc::clone(&log), verifier, clock };
        let queries = QueryApi::start(query_api::Options::default(), ports, &cancel);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let public = command_api::router(parts).merge(query_api::router(Arc::clone(&queries)));
        serve(listener, layers::complete(public, layers::Limits::default()));

        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let world = Self { forge, log, address, internal, cluster, http, cancel, _folder: folder };
        until("every partition is served", async || world.cluster.unserved().is_empty() && queries.waiting_for().is_empty())
            .await;
        for user in ["eve", "mia", "mo", "olga", "adam", "milo", "vera", "bert", "dora"] {
            let (body, token) = (json!({"userId": user, "userName": user}).to_string(), world.token("test-service"));
            let url = format!("http://{}/internal/users", world.internal);
            let registered = world.send("POST", &url, Some(&body), Some(&token), None).await;
            assert_eq!(registered.status, 201, "{}", registered.text);
        }
        world
    }

    /// A good token.
    pub fn token(&self, user: &str) -> String {
        self.forge.good(user, None)
    }

    /// One request.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&str>, token: Option<&str>) -> Answer {
        self.send(method, &format!("http://{}{path}", self.address), body, token, None).await
    }

    /// Asks for a socket, to see how that is refused.
    pub async fn handshake(&self, query: &str, token: Option<&str>) -> Answer {
        let mut request = self.http.get(format!("http://{}/chat/ws{query}", self.address));
        for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")] {
            request = request.header(name, value);
        }
        request = request.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn send(&self, method: &str, url: &str, body: Option<&str>, token: Option<&str>, after: Option<&str>) -> Answer {
        let mut request = self.http.request(method.parse().unwrap(), url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(after) = after {
            request = request.header("Read-After", after);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        Answer::of(request.send().await.unwrap()).await
    }

    /// What must work.
    pub async fn command(&self, user: &str, method: &str, path: &str, body: &Value) -> Answer {
        let answer = self.ask(method, path, Some(&body.to_string()), Some(&self.token(user))).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
        answer
    }

    /// Makes a private room with an owner, a moderator, two members, and a message of the first of them, and waits until queries show it.
    pub async fn room(&self) -> Room {
        let [owner, moderator, member, other] = [Role::Owner, Role::Moderator, Role::Member, Role::Another].map(Role::user);
        let wish = json!({"kind": "private", "name": format!("{SECRET} room"), "members": [moderator, member, other]});
        let made = self.command(owner, "POST", "/chat/rooms", &wish).await;
        let id = made.json()["roomId"].as_str().unwrap().to_owned();
        self.command(owner, "PATCH", &format!("/chat/rooms/{id}/members/{moderator}"), &json!({"role": "moderator"})).await;
        let said = json!({"text": format!("{SECRET} @{other}")});
        let sent = self.command(member, "POST", &format!("/chat/rooms/{id}/messages"), &said).await;
        let read_after = sent.read_token.unwrap();
        let url = format!("http://{}/chat/rooms/{id}", self.address);
        until("the room is there", async || {
            self.send("GET", &url, None, Some(&self.token(owner)), Some(&read_after)).await.status == 200
        })
        .await;
        Room { id }
    }

    /// Shuts somebody out, as auth-api does, and waits until it holds.
    pub async fn revoke_user(&self, user: &str) {
        let until = SystemClock.now().saturating_add_millis(3_600_000);
        // Tokens that are made later in this second count as well: times in tokens are whole seconds.
        let user_id = domain::UserId::parse(user).unwrap();
        self.revoke(&Revocation::User { user_id, issued_until: until, until }).await;
        self.refused(&self.token(user)).await;
    }

    /// Ends a session, as auth-api does; somebody else sees to it that it holds.
    pub async fn revoke_session(&self, user: &str, session_id: Uuid) {
        let (user_id, until) = (domain::UserId::parse(user).unwrap(), SystemClock.now().saturating_add_millis(3_600_000));
        self.revoke(&Revocation::Session { session_id, user_id, until }).await;
    }

    async fn revoke(&self, revocation: &Revocation) {
        let to = partition_for(&*self.log, Topic::Revoked, &revocation.key());
        self.log.producer().unwrap().append(to, revocation.to_record()).unwrap().await.unwrap();
    }

    async fn refused(&self, token: &str) {
        until("the token is refused", async || self.ask("GET", "/chat/rooms", None, Some(token)).await.status == 401).await;
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        self.cluster.stop().await;
    }
}

fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
}

/// Waits for a condition.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let begin = tokio::time::Instant::now();
    while !condition().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
