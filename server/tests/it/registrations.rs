//! Registration over all services, as a process of the role `all` has them, with the orchestrator and auth-api killed between every two
//! steps: `POST /user` ends with somebody who is registered and able to sign in, or with nothing left behind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use auth_api::identity::keyring::{Keyring, Schedule};
use auth_api::identity::passwords::Pool;
use auth_api::identity::{Identity, Options, Ports, http};
use axum::Router;
use command_api::cluster::{self, Cluster, ClusterOptions};
use command_api::http::{LogReadPositions, Parts};
use domain::saga::{Retry, SagaId};
use domain::{Timestamp, UserId};
use infra::clock::{Clock, SystemClock};
use infra::credentials::{Credentials, Progress, sqlite};
use infra::http::layers::{self, Limits};
use infra::log::{Log, embedded};
use infra::read_model;
use infra::read_model::generations::{Current, LEASE};
use infra::saga_state::{self, SagaState};
use infra::tokens::{SealingKey, ServiceSecret, SignedHere};
use orchestrator::act::{Act, CommandApi, Rooms, World};
use orchestrator::learner::Learner;
use orchestrator::testing::{Killed, Moments};
use orchestrator::worker::Worker;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_secs(120);
const PASSWORD: &str = "correct horse battery staple";

/// The machine's clock, and a minute more after each start: whatever was lent to who was killed is free again.
#[derive(Default)]
struct Later(AtomicI64);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What stays: the log, the databases, and command-api.
struct System {
    folder: TempDir,
    log: Arc<dyn Log>,
    cluster: Arc<Cluster>,
    clock: Arc<Later>,
    keyring: Arc<Keyring>,
    credentials: Arc<dyn Credentials>,
    state: Arc<dyn SagaState>,
    command_api: String,
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
    async fn start() -> Result<Self> {
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
        Ok(Self { folder, log, cluster, clock, keyring, credentials, state, command_api })
    }

    /// One process with auth-api and the orchestrator.
    async fn process(&self, moments: &Arc<Moments>) -> Result<Process> {
        self.clock.0.fetch_add(60_000, Ordering::SeqCst);
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
        let generations = read_model::sqlite::generations(&self.folder.path().join("timeline.sqlite")).await?;
        let read_model = Current::follow(generations, LEASE, stop).await?;
        let service = UserId::parse(orchestrator::SERVICE)?;
        let keyring = Arc::clone(&self.keyring);
        let tokens = SignedHere { service: service.clone(), signer: Box::new(move || keyring.signer()) };
        let commands = CommandApi::new(&self.command_api, service, Arc::new(tokens))?;
        let rooms = Rooms { read_model, log: Arc::clone(&self.log) };
        Ok(Arc::new(World::new(commands, rooms, Arc::clone(&self.log))))
    }

    /// Registers `user` in a process that dies at the moment `fatal`, and goes on in one that lives. Says whether the first one died.
    async fn lived_through(&self, user: &UserId, taken: bool, fatal: usize) -> Result<bool> {
        let key = Uuid::from_u128(1);
        let saga = SagaId::of_registration(user, key);
        let over = async || {
            let told = self.credentials.registration(saga).await?.is_some_and(|known| known.progress != Progress::Pending);
            let sagas = self.state.find(&[saga]).await?;
            Ok(told && sagas.iter().any(|saga| saga.due_at.is_none()))
        };
        let moments = Moments::new(fatal);
        let process = self.process(&moments).await?;
        let asked = process.register(user, key).await?;
        ensure!(asked == 202, "{user} was answered {asked}");
        tokio::select! {
            () = moments.died() => {}
            settled = until(&over) => settled?,
        }
        let died = moments.dead();
        process.kill().await;

        let process = self.process(&Moments::new(0)).await?;
        until(&over).await?;
        let (account, signs_in) = (self.credentials.account(user).await?, process.can_sign_in(user).await?);
        ensure!(self.exists(user).await?, "{user}, killed at {fatal}, is not in the log");
        if taken {
            ensure!(
                account.is_none() && !signs_in,
                "{user} is somebody else's; killed at {fatal}, something is left behind: {account:?}"
            );
        } else {
            ensure!(signs_in, "{user}, killed at {fatal}, cannot sign in: {account:?}");
        }
        process.kill().await;
        Ok(died)
    }

    /// Somebody whom auth-api does not know has the id.
    async fn take_id(&self, user: &UserId) -> Result<()> {
        let body = json!({ "userId": user, "userName": "Another" });
        let asked = reqwest::Client::new().post(format!("{}/internal/users", self.command_api)).bearer_auth(self.token()?);
        let answer = asked.json(&body).send().await?.status();
        ensure!(answer == 201, "{user} cannot be registered: {answer}");
        Ok(())
    }

    async fn exists(&self, user: &UserId) -> Result<bool> {
        let asked = reqwest::Client::new().get(format!("{}/internal/users/{user}", self.command_api));
        Ok(asked.bearer_auth(self.token()?).send().await?.status() == 200)
    }

    fn token(&self) -> Result<String> {
        let grant = infra::tokens::Grant::service(UserId::parse("test")?);
        Ok(self.keyring.signer().issue(&grant)?.token.0.to_string())
    }
}

/// A process that can be killed.
struct Process {
    url: String,
    http: reqwest::Client,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    async fn register(&self, user: &UserId, key: Uuid) -> Result<u16> {
        let body = json!({ "userId": user, "password": PASSWORD });
        let request = self.http.post(format!("{}/user", self.url)).header("idempotency-key", key.to_string()).json(&body);
        Ok(request.send().await?.status().as_u16())
    }

    async fn can_sign_in(&self, user: &UserId) -> Result<bool> {
        let body = json!({ "userId": user, "password": PASSWORD });
        let answer = self.http.post(format!("{}/user/login", self.url)).json(&body).send().await?.status().as_u16();
        ensure!(matches!(answer, 200 | 401), "signing in was answered {answer}");
        Ok(answer == 200)
    }

    async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _aborted = task.await;
        }
    }
}

async fn until(there: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let waiting = async {
        while !there().await? {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, waiting).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_any_two_steps_a_registration_ends_whole_or_leaves_nothing() -> Result<()> {
    let system = System::start().await?;
    until(async || Ok(system.cluster.unserved().is_empty())).await?;
    for fatal in 1_usize.. {
        let mut died = false;
        for taken in [false, true] {
            let user = UserId::parse(&format!("person-{fatal}-{taken}"))?;
            if taken {
                system.take_id(&user).await?;
            }
            died |= system.lived_through(&user, taken, fatal).await?;
        }
        if !died {
            ensure!(fatal > 10, "a registration has more moments than {fatal}");
            break;
        }
    }
    system.cluster.stop().await;
    Ok(())
}
