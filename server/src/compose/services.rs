//! The services, each with its routes and its tasks: what a role is made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use axum::Router;
use command_api::cluster::{self, Cluster};
use command_api::http::{LogReadPositions, Parts};
use infra::clock::Clock;
use infra::config::Config;
use infra::lifecycle::{Lifecycle, Stage};
use infra::log::Log;
use infra::read_model::generations::{Current, Generations, LEASE};
use infra::revocation::{self, Revocations};
use infra::search::Search;
use infra::tokens::{ServiceTokens, Verifier};
use orchestrator::Orchestrator;
use projectors::Projectors;
use projectors::search::Indexer;
use query_api::{Ports, QueryApi};

use super::{options, stores};

/// What is served, and what is still waited for.
#[derive(Default)]
pub struct Served {
    /// Routes for people and the gateway.
    pub public: Router,
    /// Routes for nodes and tools.
    pub internal: Router,
    /// What each service still waits for.
    pub waiting: Vec<Box<dyn Fn() -> Vec<String> + Send + Sync>>,
}

/// What services share.
pub struct Shared<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The process.
    pub lifecycle: &'a mut Lifecycle,
    /// What has been put together so far.
    pub served: Served,
}

impl Shared<'_> {
    pub(super) fn add(&mut self, public: Router, internal: Router) {
        self.served.public = std::mem::take(&mut self.served.public).merge(public);
        self.served.internal = std::mem::take(&mut self.served.internal).merge(internal);
    }

    /// A verifier that refuses what `revoked.v1` names, which is followed from now on.
    pub fn refusing_revoked(&mut self, verifier: Verifier, log: &Arc<dyn Log>) -> Arc<Verifier> {
        let (revocations, known) = (Arc::new(Revocations::default()), Arc::new(AtomicBool::new(false)));
        let verifier = Arc::new(verifier.refusing(Arc::clone(&revocations)));
        let (log, clock, told) = (Arc::clone(log), Arc::clone(&self.clock), Arc::clone(&known));
        self.served.waiting.push(Box::new(move || {
            if known.load(Ordering::Acquire) { Vec::new() } else { vec!["tokens: ended sessions are being read".to_owned()] }
        }));
        self.lifecycle.spawn(Stage::Support, "the list of ended sessions", |stop| async move {
            revocation::follow(log, revocations, clock, stop, || told.store(true, Ordering::Release)).await;
            Ok(())
        });
        verifier
    }

    /// The log. When it cannot be written any more, the process ends: whoever starts it again opens the log anew.
    pub async fn log(&mut self) -> Result<Arc<dyn Log>> {
        let log = stores::log(self.config).await?;
        let watched = Arc::clone(&log);
        self.lifecycle.spawn(Stage::Support, "the log", |stop| async move {
            match stop.run_until_cancelled(watched.failed()).await {
                Some(fault) => Err(fault.into()),
                None => Ok(()),
            }
        });
        Ok(log)
    }

    /// Commands, and the partitions that this node owns. When their local store cannot be written any more, the process ends.
    pub async fn commands(&mut self, log: Arc<dyn Log>, verifier: Arc<Verifier>, internal_url: String) -> Result<()> {
        let cluster_options = options::cluster(self.config, internal_url);
        let clock = Arc::clone(&self.clock);
        let cluster = Cluster::start(cluster_options, Arc::clone(&log), clock).await.context("command-api cannot start")?;
        let parts = Parts {
            bus: cluster.clone(),
            reads: Arc::new(LogReadPositions::new(log)),
            verifier: Arc::clone(&verifier),
            clock: Arc::clone(&self.clock),
            options: options::command_http(self.config),
        };
        let internal = cluster::internal_router(Arc::clone(&cluster), verifier);
        self.add(command_api::router(parts.clone()), internal.merge(command_api::internal_router(parts)));
        let asked = Arc::clone(&cluster);
        self.served.waiting.push(Box::new(move || unserved(&asked)));
        self.lifecycle.spawn(Stage::Work, "command-api", |stop| async move {
            let failed = stop.run_until_cancelled(cluster.failed()).await;
            cluster.stop().await;
            failed.map_or(Ok(()), |fault| Err(fault.into()))
        });
        Ok(())
    }

    /// The writers of the read model and of the search index.
    pub async fn projectors(
        &mut self,
        log: Arc<dyn Log>,
        generations: Arc<dyn Generations>,
        search: Option<Arc<dyn Search>>,
    ) -> Result<()> {
        let options = projectors::Options::default();
        let status = options.status.clone();
        self.served.waiting.push(Box::new(move || {
            if status.ready() { Vec::new() } else { vec!["the projectors: not all of their partitions are followed".to_owned()] }
        }));
        let projectors =
            Projectors::start(options, Arc::clone(&log), generations).await.context("the projectors cannot start")?;
        let mut operations = projectors.operations();
        if let Some(search) = search {
            operations = operations.with_search(Arc::clone(&search));
            self.indexer(log, search).await?;
        }
        self.add(Router::new(), projectors::http::internal_router(operations));
        self.lifecycle.spawn(Stage::Work, "projectors", |stop| async move {
            projectors.run(stop).await;
            Ok(())
        });
        Ok(())
    }

    /// The search index's writer. Nobody waits for it: a system whose index is away or behind is ready for all else.
    async fn indexer(&mut self, log: Arc<dyn Log>, search: Arc<dyn Search>) -> Result<()> {
        let options = options::indexer(self.config, search.kind() == "elasticsearch");
        let indexer = Indexer::start(options, log, search).await;
        let indexer = indexer.context("the search projector cannot start")?;
        self.lifecycle.spawn(Stage::Work, "the search projector", |stop| async move {
            indexer.run(stop).await;
            Ok(())
        });
        Ok(())
    }

    /// Queries and the live feed.
    pub async fn queries(
        &mut self,
        log: Arc<dyn Log>,
        generations: Arc<dyn Generations>,
        search: Option<Arc<dyn Search>>,
        verifier: Arc<Verifier>,
    ) -> Result<()> {
        let stop = self.lifecycle.token(Stage::Work);
        let read_model = Current::follow(generations, LEASE, &stop).await.context("the read model cannot be opened")?;
        let ports = Ports { read_model, search, log, verifier, clock: Arc::clone(&self.clock) };
        let api = QueryApi::start(options::query(self.config), ports, &stop);
        self.add(query_api::router(Arc::clone(&api)), Router::new());
        let asked = Arc::clone(&api);
        self.served.waiting.push(Box::new(move || asked.waiting_for()));
        self.lifecycle.spawn(Stage::Work, "query-api", |_| async move {
            api.stopped().await;
            Ok(())
        });
        Ok(())
    }

    /// The sagas, which take their steps at the internal listener of a command-api, with tokens of their own.
    pub async fn sagas(
        &mut self,
        log: Arc<dyn Log>,
        generations: Arc<dyn Generations>,
        tokens: Arc<dyn ServiceTokens>,
        verifier: Arc<Verifier>,
        command_api_url: &str,
    ) -> Result<()> {
        let stop = self.lifecycle.token(Stage::Work);
        let read_model = Current::follow(generations, LEASE, &stop).await.context("the read model cannot be opened")?;
        let state = stores::saga_state(self.config).await?;
        let ports = orchestrator::Ports { state, log, read_model, clock: Arc::clone(&self.clock), tokens };
        let orchestrator = Orchestrator::new(command_api_url, ports)?;
        self.add(orchestrator::http::router(orchestrator.parts(verifier)), Router::new());
        self.lifecycle.spawn(Stage::Work, "the sagas", |stop| async move {
            orchestrator.run(stop).await;
            Ok(())
        });
        Ok(())
    }

    /// The pages, and the documents of the interfaces.
    pub fn pages(&mut self) {
        self.add(front::router().merge(crate::documents::router()), Router::new());
    }
}

/// How many names of partitions one line shows.
const NAMES_SHOWN: usize = 4;

fn unserved(cluster: &Cluster) -> Vec<String> {
    let unserved = cluster.unserved();
    if unserved.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = unserved.iter().take(NAMES_SHOWN).map(ToString::to_string).collect();
    let more = if unserved.len() > NAMES_SHOWN { ", …" } else { "" };
    vec![format!("command-api: {} partitions have no owner yet ({}{more})", unserved.len(), names.join(", "))]
}
