//! Every service on the embedded log and SQLite, put together in one process as the program does it, behind one address. The key that
//! signs is the tests' own, so that they can forge.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use auth_api::{Identity, Keyring, Pool, Schedule};
use axum::Router;
use command_api::cluster::{self, Cluster, ClusterOptions};
use command_api::http::{LogReadPositions, Parts};
use domain::UserId;
use infra::clock::{Clock, SystemClock};
use infra::credentials::{self, Credentials, KeyChange, KeyState, Policy, SigningKey};
use infra::http::layers;
use infra::log::{Log, embedded};
use infra::read_model;
use infra::read_model::generations::{Current, LEASE};
use infra::revocation::{self, Revocations};
use infra::saga_state;
use infra::tokens::{SealingKey, ServiceSecret, SignedHere, Verifier};
use orchestrator::Orchestrator;
use projectors::Projectors;
use projectors::search::Indexer;
use query_api::{Ports, QueryApi};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::people::{Forge, ISSUER};
use super::world::{PATIENCE, until};

/// All of them, running.
pub struct Services {
    /// Where the public routes are.
    pub address: SocketAddr,
    /// The internal listener of command-api: `http://…`.
    pub internal_commands: String,
    /// The internal listener of auth-api.
    pub internal_accounts: String,
    cluster: Arc<Cluster>,
    cancel: CancellationToken,
    _folder: tempfile::TempDir,
}

/// What all services stand on.
struct Ground {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    verifier: Arc<Verifier>,
    keyring: Arc<Keyring>,
    credentials: Arc<dyn Credentials>,
    cancel: CancellationToken,
    folder: PathBuf,
}

impl Services {
    /// Starts them, and waits until every partition is served.
    pub async fn start(forge: &Forge) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground::lay(folder.path().to_owned(), forge).await;
        let cancel = ground.cancel.clone();
        let (cluster, commands, internal_commands) = ground.commands().await;
        let (queries, read) = ground.queries().await;
        let (accounts, internal_accounts) = ground.accounts().await;
        let public = commands.merge(read).merge(accounts).merge(ground.sagas(&internal_commands).await);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, layers::complete(public, layers::Limits::default()));
        until("every partition is served", async || cluster.unserved().is_empty() && queries.waiting_for().is_empty()).await;
        Self { address, internal_commands, internal_accounts, cluster, cancel, _folder: folder }
    }

    pub async fn stop(self) {
        self.cancel.cancel();
        self.cluster.stop().await;
    }
}

impl Ground {
    async fn lay(folder: PathBuf, forge: &Forge) -> Self {
        let log = embedded::open(&folder.join("log"), embedded::Options::default()).unwrap();
        let (clock, cancel): (Arc<dyn Clock>, _) = (Arc::new(SystemClock), CancellationToken::new());
        let credentials = credentials::sqlite::open(&folder.join("auth.sqlite")).await.unwrap();
        let sealing = SealingKey::generate();
        let id = forge.signer.key_id().to_owned();
        let sealed = sealing.seal(&id, &forge.seed).unwrap();
        let key = SigningKey { id, state: KeyState::Current, sealed, changed_at: clock.now() };
        credentials.change_keys(&[KeyChange::Add(key)]).await.unwrap();
        let revocations = Arc::new(Revocations::default());
        let refusing = |verifier: Verifier| Arc::new(verifier.refusing(Arc::clone(&revocations)));
        let open = (Arc::clone(&credentials), Arc::clone(&clock));
        let keyring = Keyring::open(open.0, sealing, ISSUER, open.1, Schedule::default(), refusing).await.unwrap();
        let log: Arc<dyn Log> = log;
        tokio::spawn(revocation::follow(Arc::clone(&log), revocations, Arc::clone(&clock), cancel.clone(), || ()));
        Self { log, clock, verifier: keyring.verifier(), keyring, credentials, cancel, folder }
    }

    /// command-api: the node, its public routes, and where its internal listener is.
    async fn commands(&self) -> (Arc<Cluster>, Router, String) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let internal_url = format!("http://{}", listener.local_addr().unwrap());
        let options = ClusterOptions {
            node: "test".to_owned(),
            internal_url: internal_url.clone(),
            state_folder: self.folder.join("state"),
            command_timeout: PATIENCE,
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options, Arc::clone(&self.log), Arc::clone(&self.clock)).await.unwrap();
        let options = command_api::http::Options {
            command_duration_max: PATIENCE,
            commands_per_second: NonZeroU32::MAX,
            commands_burst: NonZeroU32::MAX,
            ..command_api::http::Options::default()
        };
        let parts = Parts {
            bus: cluster.clone(),
            reads: Arc::new(LogReadPositions::new(Arc::clone(&self.log))),
            verifier: Arc::clone(&self.verifier),
            clock: Arc::clone(&self.clock),
            options,
        };
        let nodes = cluster::internal_router(Arc::clone(&cluster), Arc::clone(&self.verifier));
        let internal = nodes.merge(command_api::internal_router(parts.clone()));
        serve(listener, layers::complete(internal, layers::Limits::default()));
        (cluster, command_api::router(parts), internal_url)
    }

    /// projectors and query-api.
    async fn queries(&self) -> (Arc<QueryApi>, Router) {
        let generations = read_model::sqlite::generations(&self.folder.join("timeline.sqlite")).await.unwrap();
        let options = projectors::Options::default();
        let projectors = Projectors::start(options, Arc::clone(&self.log), Arc::clone(&generations)).await.unwrap();
        tokio::spawn(projectors.run(self.cancel.clone()));
        let read_model = Current::follow(generations, LEASE, &self.cancel).await.unwrap();
        let (log, verifier, clock) = (Arc::clone(&self.log), Arc::clone(&self.verifier), Arc::clone(&self.clock));
        let index = infra::search::sqlite::open(&self.folder.join("search.sqlite")).await.unwrap();
        let indexer = Indexer::start(projectors::search::Options::default(), Arc::clone(&log), Arc::clone(&index)).await.unwrap();
        tokio::spawn(indexer.run(self.cancel.clone()));
        let ports = Ports { read_model, search: Some(index), log, verifier, clock };
        let queries = QueryApi::start(query_api::Options::default(), ports, &self.cancel);
        let routes = query_api::router(Arc::clone(&queries));
        (queries, routes)
    }

    /// auth-api, which lets everybody try as often as they like; and where its internal listener is.
    async fn accounts(&self) -> (Router, String) {
        let defaults = auth_api::Options::default();
        let free = |policy| Policy { free: 100_000, ..policy };
        let options = auth_api::Options {
            registration_wait_max: PATIENCE,
            pool: Pool { workers: 2, waiting_max: 1_000 },
            account_policy: free(defaults.account_policy),
            address_policy: free(defaults.address_policy),
            registration_policy: free(defaults.registration_policy),
            ..defaults
        };
        let ports = auth_api::Ports {
            credentials: Arc::clone(&self.credentials),
            log: Arc::clone(&self.log),
            keyring: Arc::clone(&self.keyring),
            service_secret: ServiceSecret::open(&self.folder.join("service.secret")).unwrap(),
            clock: Arc::clone(&self.clock),
        };
        let identity = Identity::new(options, ports).unwrap();
        tokio::spawn(identity.relay().run(self.cancel.clone()));
        tokio::spawn(identity.follower().run(self.cancel.clone()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let internal_url = format!("http://{}", listener.local_addr().unwrap());
        serve(listener, layers::complete(auth_api::internal_router(identity.clone()), layers::Limits::default()));
        (auth_api::router(identity), internal_url)
    }

    /// The orchestrator, which commands at `command_api_url`.
    async fn sagas(&self, command_api_url: &str) -> Router {
        let generations = read_model::sqlite::generations(&self.folder.join("timeline.sqlite")).await.unwrap();
        let (service, keyring) = (UserId::parse(orchestrator::SERVICE).unwrap(), Arc::clone(&self.keyring));
        let ports = orchestrator::Ports {
            state: saga_state::open(&self.folder.join("sagas.sqlite")).await.unwrap(),
            log: Arc::clone(&self.log),
            read_model: Current::follow(generations, LEASE, &self.cancel).await.unwrap(),
            clock: Arc::clone(&self.clock),
            tokens: Arc::new(SignedHere { service, signer: Box::new(move || keyring.signer()) }),
        };
        let orchestrator = Orchestrator::new(command_api_url, ports).unwrap();
        let routes = orchestrator::http::router(orchestrator.parts(Arc::clone(&self.verifier)));
        tokio::spawn(orchestrator.run(self.cancel.clone()));
        routes
    }
}

fn serve(listener: TcpListener, router: Router) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
}
