//! All services over one log, as a process of the role `all` has them; auth-api and the orchestrator can be killed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use auth_api::{Identity, Keyring, Options, Pool, Ports, Schedule, http};
use axum::Router;
use command_api::bus::{CommandBus as _, Fault, Outcome};
use command_api::cluster::{self, Cluster, ClusterOptions};
use command_api::http::{LogReadPositions, Parts};
use domain::command::Body;
use domain::room::Role;
use domain::saga::{Envelope, Message, Retry, SagaId};
use domain::{Command, CommandId, RoomId, StreamId, Timestamp, UserId};
use infra::clock::{Clock, SystemClock};
use infra::credentials::{Credentials, sqlite};
use infra::http::layers::{self, Limits};
use infra::log::{Log, Topic, embedded, partition_for};
use infra::read_model;
use infra::read_model::generations::{Current, Generations, LEASE};
use infra::saga_state::{self, SagaState};
use infra::tokens::{Grant, SealingKey, ServiceSecret, SignedHere};
use orchestrator::act::{Act, CommandApi, Rooms, World};
use orchestrator::learner::Learner;
use orchestrator::testing::{Killed, Moments};
use orchestrator::worker::Worker;
use projectors::Projectors;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "correct horse battery staple";

/// The machine's clock, and a minute more after each start: whatever was lent to who was killed is free again.
#[derive(Default)]
pub struct Later(AtomicI64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Later {
    /// Lets time go by.
    pub fn pass(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

/// What stays: the log, the databases, command-api and the projectors.
pub struct System {
    folder: TempDir,
    log: Arc<dyn Log>,
    pub cluster: Arc<Cluster>,
    pub clock: Arc<Later>,
    keyring: Arc<Keyring>,
    pub credentials: Arc<dyn Credentials>,
    pub state: Arc<dyn SagaState>,
    generations: Arc<dyn Generations>,
    command_api: String,
    _projecting: DropGuard,
}

async fn serve(router: Router) -> Result<(String, JoinHandle<()>)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    let service = layers::complete(router, Limits::default()).into_make_service_with_connect_info::<SocketAddr>();
    let server = async move {
        let _ended = axum::serve(listener, service).await;
    };
    Ok((url, tokio::spawn(server)))
}

impl System {
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name);
        let log = embedded::open(&file("log"), embedded::Options::default())?;
        let clock = Arc::new(Later::default());
        let credentials = sqlite::open(&file("auth.sqlite")).await?;
        let state = saga_state::open(&file("sagas.sqlite")).await?;
        let sealing = SealingKey::open(&file("sealing.key"))?;
        let now = Arc::clone(&clock) as Arc<dyn Clock>;
        let keyring = Keyring::open(Arc::clone(&credentials), sealing, "test", Arc::clone(&now), Schedule::default(), Arc::new);
        let keyring = keyring.await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let command_api = format!("http://{}", listener.local_addr()?);
        let internal_url = command_api.clone();
        let options = ClusterOptions { internal_url, state_folder: file("state"), ..ClusterOptions::default() };
        let cluster = Cluster::start(options, Arc::clone(&log), Arc::clone(&now)).await?;
        let parts = Parts {
            bus: Arc::clone(&cluster) as _,
            reads: Arc::new(LogReadPositions::new(Arc::clone(&log))),
            verifier: keyring.verifier(),
            clock: now,
            options: command_api::http::Options::default(),
        };
        let internal = cluster::internal_router(Arc::clone(&cluster), keyring.verifier());
        let internal = layers::complete(internal.merge(command_api::internal_router(parts)), Limits::default());
        tokio::spawn(async move { axum::serve(listener, internal).await });
        let generations = read_model::sqlite::generations(&file("timeline.sqlite")).await?;
        let projecting = CancellationToken::new();
        let projectors = Projectors::start(projectors::Options::default(), Arc::clone(&log), Arc::clone(&generations)).await?;
        tokio::spawn(projectors.run(projecting.clone()));
        until(async || Ok(cluster.unserved().is_empty())).await?;
        let _projecting = projecting.drop_guard();
        Ok(Self { folder, log, cluster, clock, keyring, credentials, state, generations, command_api, _projecting })
    }

    /// One process with auth-api and the orchestrator.
    pub async fn process(&self, moments: &Arc<Moments>) -> Result<Process> {
        self.clock.pass(60_000);
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let stop = CancellationToken::new();
        let ports = Ports {
            credentials: Arc::clone(&self.credentials),
            log: Arc::clone(&self.log),
            keyring: Arc::clone(&self.keyring),
            service_secret: ServiceSecret::open(&self.folder.path().join("service.secret"))?,
            clock: Arc::clone(&clock),
        };
        let options =
            Options { registration_wait_max: Duration::ZERO, pool: Pool { workers: 1, waiting_max: 8 }, ..Options::default() };
        let identity = Identity::new(options, ports)?;
        let (url, server) = serve(http::router(identity.clone())).await?;

        let due = Arc::new(Notify::new());
        let inner = Arc::clone(&self.state);
        let state: Arc<dyn SagaState> = Arc::new(Killed { moments: Arc::clone(moments), inner });
        let inner = self.world(&stop).await?;
        let act = Arc::new(Killed { moments: Arc::clone(moments), inner });
        let learner = Learner {
            state: Arc::clone(&state),
            log: Arc::clone(&self.log),
            clock: Arc::clone(&clock),
            learnt: Arc::clone(&due),
        };
        let worker = Arc::new(Worker { state, act, clock, due, retry: Retry::STANDARD });
        let tasks = vec![
            server,
            tokio::spawn(identity.relay().run(stop.clone())),
            tokio::spawn(identity.follower().run(stop.clone())),
            tokio::spawn(learner.run(stop.clone())),
            tokio::spawn(worker.run(stop)),
        ];
        Ok(Process { url, http: reqwest::Client::new(), tasks })
    }

    async fn world(&self, stop: &CancellationToken) -> Result<Arc<dyn Act>> {
        let read_model = Current::follow(Arc::clone(&self.generations), LEASE, stop).await?;
        let service = UserId::parse(orchestrator::SERVICE)?;
        let keyring = Arc::clone(&self.keyring);
        let tokens = SignedHere { service, signer: Box::new(move || keyring.signer()) };
        let commands = CommandApi::new(&self.command_api, Arc::new(tokens))?;
        let rooms = Rooms { read_model, log: Arc::clone(&self.log) };
        Ok(Arc::new(World::new(commands, rooms, Arc::clone(&self.log))))
    }

    /// Somebody whom auth-api does not know has the id.
    pub async fn take_id(&self, user: &UserId) -> Result<()> {
        let body = json!({ "userId": user, "userName": "Another" });
        let asked = reqwest::Client::new().post(format!("{}/internal/users", self.command_api)).bearer_auth(self.token()?);
        let answer = asked.json(&body).send().await?.status();
        ensure!(answer == 201, "{user} cannot be registered: {answer}");
        Ok(())
    }

    pub async fn exists(&self, user: &UserId) -> Result<bool> {
        let asked = reqwest::Client::new().get(format!("{}/internal/users/{user}", self.command_api));
        Ok(asked.bearer_auth(self.token()?).send().await?.status() == 200)
    }

    /// Says in `sagas.v1` what auth-api says there.
    pub async fn ask(&self, saga: SagaId, message: Message) -> Result<()> {
        let envelope = Envelope { saga, time: self.clock.now(), causation_id: None, traceparent: None, message };
        let to = partition_for(&*self.log, Topic::Sagas, &saga.to_string());
        self.log.producer()?.append(to, envelope.to_record())?.await?;
        Ok(())
    }

    /// What `actor` asks of `stream`.
    pub async fn command(&self, actor: &UserId, id: CommandId, stream: StreamId, body: Body) -> Result<Result<Outcome, Fault>> {
        let token = self.keyring.signer().issue(&Grant::person(actor.clone(), PATIENCE))?.token;
        let caller = self.keyring.verifier().verify(&token.0)?;
        let (hash, actor) = (body.canonical_hash(&stream), actor.clone());
        let (correlation_id, traceparent, causation_id) = (id.as_uuid(), None, None);
        Ok(self
            .cluster
            .execute(&caller, Command { stream, actor, id, hash, traceparent, correlation_id, causation_id, body })
            .await)
    }

    /// As what `user` is in `room`.
    pub async fn role(&self, room: RoomId, user: &UserId) -> Result<Option<Role>> {
        let token = self.token()?;
        let caller = self.keyring.verifier().verify(&token)?;
        Ok(self.cluster.standing(&caller, room, user).await?.and_then(|standing| standing.role))
    }

    fn token(&self) -> Result<String> {
        let grant = Grant::service(UserId::parse("test")?);
        Ok(self.keyring.signer().issue(&grant)?.token.0.to_string())
    }
}

/// A process that can be killed.
pub struct Process {
    url: String,
    http: reqwest::Client,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    pub async fn register(&self, user: &UserId, key: Uuid) -> Result<u16> {
        let body = json!({ "userId": user, "password": PASSWORD });
        let request = self.http.post(format!("{}/user", self.url)).header("idempotency-key", key.to_string()).json(&body);
        Ok(request.send().await?.status().as_u16())
    }

    pub async fn can_sign_in(&self, user: &UserId) -> Result<bool> {
        let body = json!({ "userId": user, "password": PASSWORD });
        let answer = self.http.post(format!("{}/user/login", self.url)).json(&body).send().await?.status().as_u16();
        ensure!(matches!(answer, 200 | 401), "signing in was answered {answer}");
        Ok(answer == 200)
    }

    pub async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _aborted = task.await;
        }
    }
}

/// Waits for a condition.
pub async fn until(there: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let waiting = async {
        while !there().await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await?
}
