//! Puts a process together: the only place that chooses adapters, and the only one that knows all services.
//!
//! * [`stores`] opens log, read model and accounts; [`secrets`] finds what they are sealed with; [`services`] and [`identity`] are
//!   the parts of a role;
//! * [`listener`] serves the two addresses; [`options`] maps the settings; [`banner`] tells a person what runs.
//!
//! # How to add a role
//!
//! 1. Add its method in [`services`] and its variant in [`Role`].
//! 2. Add its command in `cli.rs` and `main.rs`.

mod banner;
mod identity;
mod listener;
mod options;
pub mod secrets;
mod services;
mod stores;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use infra::clock::{Clock, SystemClock};
use infra::config::{Config, DatabaseKind, Loaded, LogKind, SearchKind};
use infra::http::internal::internal_router;
use infra::lifecycle::{Lifecycle, Stage, signals};

use self::banner::Reached;
use self::listener::Listeners;
use self::services::{Served, Shared};

pub use self::options::{data_folder, embedded_log, kafka_log};

/// How often metrics forget what is over.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    All,
    /// Commands.
    CommandApi,
    /// The read model's writers.
    Projectors,
    /// Queries and the live feed.
    QueryApi,
    /// The sign-in.
    AuthApi,
    /// The sagas.
    Orchestrator,
    /// The pages.
    Front,
}

impl Role {
    /// As on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::CommandApi => "command-api",
            Self::Projectors => "projectors",
            Self::QueryApi => "query-api",
            Self::AuthApi => "auth-api",
            Self::Orchestrator => "orchestrator",
            Self::Front => "front",
        }
    }

    const fn needs_log(self) -> bool {
        !matches!(self, Self::Front)
    }

    const fn needs_read_model(self) -> bool {
        matches!(self, Self::All | Self::Projectors | Self::QueryApi | Self::Orchestrator)
    }

    const fn needs_accounts(self) -> bool {
        matches!(self, Self::All | Self::AuthApi)
    }

    /// A process of its own can share neither an embedded log nor a file.
    fn check(self, config: &Config) -> Result<()> {
        let (name, alone) = (self.name(), self != Self::All);
        if alone && self.needs_log() && config.log.kind == LogKind::Embedded {
            bail!("log.kind: the embedded log serves one process; set it to kafka for {name}, or run `sarangbang all`");
        }
        if alone && self.needs_read_model() && config.read_model.kind == DatabaseKind::Sqlite {
            bail!("read_model.kind: a SQLite file serves one process; set it to postgres for {name}, or run `sarangbang all`");
        }
        if alone && self.needs_read_model() && stores::search_kind(self, config) == SearchKind::Sqlite {
            bail!("search.kind: a SQLite file serves one process; set it to elasticsearch for {name}, or run `sarangbang all`");
        }
        Ok(())
    }
}

/// Runs a role until it is asked to stop.
///
/// # Errors
/// What kept it from starting, or ended it.
pub async fn run(role: Role, loaded: &Loaded) -> Result<()> {
    role.check(&loaded.config)?;
    let metrics = infra::telemetry::start(&options::telemetry(&loaded.config))?;
    for row in loaded.rows() {
        tracing::debug!(setting = row.setting, value = row.value, from = row.source, "setting");
    }
    let folder: Arc<Path> = data_folder(&loaded.config)?.into();
    let mut config = loaded.config.clone();
    config.node.data_folder = folder.to_path_buf();

    let signals = signals()?;
    let listeners = Listeners::bind(&config).await?;
    let at = Reached { public: listeners.public.local_addr()?, internal: listeners.internal.local_addr()? };
    // Port 0 takes a free one; from here on the real one is what counts.
    config.node.public_listen = at.public.to_string();
    config.node.internal_listen = at.internal.to_string();
    let mut lifecycle = Lifecycle::new(Duration::from_millis(config.node.drain_ms_max));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let shared = Shared { config: &config, clock, lifecycle: &mut lifecycle, served: Served::default() };
    let served = compose(role, shared, at).await?;

    let stopping = lifecycle.token(Stage::Intake);
    let waits = served.waiting;
    let waiting: infra::http::internal::Waiting = Arc::new(move || {
        if stopping.is_cancelled() {
            return vec!["nothing: it is stopping".to_owned()];
        }
        waits.iter().flat_map(|waits| waits()).collect()
    });
    let render = metrics.clone();
    let internal = served.internal.merge(internal_router(Arc::clone(&waiting), Arc::new(move || render.render())));
    lifecycle.spawn(Stage::Support, "the internal listener", |stop| {
        listener::serve(listeners.internal, internal, config.clone(), stop)
    });
    lifecycle.spawn(Stage::Intake, "the public listener", |stop| {
        listener::serve(listeners.public, served.public, config.clone(), stop)
    });
    lifecycle.spawn(Stage::Support, "the upkeep of metrics", |stop| async move {
        while tokio::time::timeout(UPKEEP_INTERVAL, stop.cancelled()).await.is_err() {
            metrics.run_upkeep();
        }
        Ok(())
    });
    let banner = tokio::spawn(banner::show(role, config, folder, at, waiting));
    let ended = lifecycle.run(signals).await;
    banner.abort();
    tracing::info!("stopped");
    ended.context("sarangbang stopped")
}

/// Starts the services of a role.
async fn compose(role: Role, mut shared: Shared<'_>, at: Reached) -> Result<Served> {
    let config = shared.config;
    let own_url = format!("http://{}", at.internal);
    let internal_url = config.node.internal_url.clone().unwrap_or_else(|| own_url.clone());
    let clock = || Arc::clone(&shared.clock);
    match role {
        Role::All => {
            let (log, generations) = (shared.log().await?, stores::generations(config).await?);
            let keyring = shared.identity(Arc::clone(&log)).await?;
            let (verifier, tokens) = (keyring.verifier(), secrets::signed_here(keyring)?);
            shared.commands(Arc::clone(&log), Arc::clone(&verifier), internal_url).await?;
            let search = stores::search(role, config).await?;
            shared.projectors(Arc::clone(&log), Arc::clone(&generations), search.clone()).await?;
            shared.queries(Arc::clone(&log), Arc::clone(&generations), search, Arc::clone(&verifier)).await?;
            shared.sagas(log, generations, tokens, verifier, &own_url).await?;
            shared.pages();
        }
        Role::CommandApi => {
            let (verifier, log) = (secrets::verifier(config, clock())?, shared.log().await?);
            let verifier = shared.refusing_revoked(verifier, &log);
            shared.commands(log, verifier, internal_url).await?;
        }
        Role::Projectors => {
            let log = shared.log().await?;
            let (generations, search) = (stores::generations(config).await?, stores::search(role, config).await?);
            shared.projectors(log, generations, search).await?;
        }
        Role::QueryApi => {
            let (verifier, log) = (secrets::verifier(config, clock())?, shared.log().await?);
            let verifier = shared.refusing_revoked(verifier, &log);
            let (generations, search) = (stores::generations(config).await?, stores::search(role, config).await?);
            shared.queries(log, generations, search, verifier).await?;
        }
        Role::AuthApi => {
            let log = shared.log().await?;
            shared.identity(log).await?;
        }
        Role::Orchestrator => {
            let Some(command_api) = &config.upstream.command_api_url else {
                bail!("upstream.command_api_url: sagas take their steps there; set it to command-api's internal listener")
            };
            let tokens = secrets::asked_of_auth_api(config, clock())?;
            let (verifier, log) = (secrets::verifier(config, clock())?, shared.log().await?);
            let verifier = shared.refusing_revoked(verifier, &log);
            shared.sagas(log, stores::generations(config).await?, tokens, verifier, command_api).await?;
        }
        Role::Front => shared.pages(),
    }
    Ok(shared.served)
}
