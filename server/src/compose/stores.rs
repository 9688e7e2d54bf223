//! Opens what the services stand on: the log, the read model, the accounts and the state of sagas, in the adapters that the
//! configuration names.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use infra::config::{Config, DatabaseKind, LogKind, SearchKind};
use infra::credentials::Credentials;
use infra::log::Log;
use infra::read_model::generations::Generations;
use infra::saga_state::{self, SagaState};
use infra::search::Search;

use super::{Role, options};

/// How long a start waits for servers that are not there yet, as when everything is started at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens the log.
pub async fn log(config: &Config) -> Result<Arc<dyn Log>> {
    match config.log.kind {
        LogKind::Embedded => {
            let (folder, options) = (config.node.data_folder.join("log"), options::embedded_log(config));
            let opened = tokio::task::spawn_blocking(move || infra::log::embedded::open(&folder, options)).await?;
            opened.with_context(|| format!("the log in {}", config.node.data_folder.join("log").display()))
        }
        LogKind::Kafka => {
            let attempt = || infra::log::kafka::connect(options::kafka_log(config));
            let temporary = |fault: &infra::log::Fault| matches!(fault, infra::log::Fault::Unavailable(_));
            patiently("Kafka", attempt, temporary).await.context("log.kind = kafka")
        }
    }
}

/// Opens the read model's generations.
pub async fn generations(config: &Config) -> Result<Arc<dyn Generations>> {
    match config.read_model.kind {
        DatabaseKind::Sqlite => {
            let file = config.node.data_folder.join("timeline.sqlite");
            infra::read_model::sqlite::generations(&file).await.with_context(|| format!("the read model in {}", file.display()))
        }
        DatabaseKind::Postgres => {
            let Some(url) = &config.read_model.postgres_url else { bail!("read_model.postgres_url is not set") };
            let (schema, connections) = (&config.read_model.schema, config.read_model.postgres_connections_max);
            let attempt = || infra::read_model::postgres::generations(url.reveal(), schema, connections);
            let temporary = |fault: &infra::read_model::Fault| matches!(fault, infra::read_model::Fault::Unavailable(_));
            patiently("Postgres", attempt, temporary).await.context("read_model.kind = postgres")
        }
    }
}

/// Opens the state of sagas.
pub async fn saga_state(config: &Config) -> Result<Arc<dyn SagaState>> {
    match config.sagas.kind {
        DatabaseKind::Sqlite => {
            let file = config.node.data_folder.join("sagas.sqlite");
            saga_state::open(&file).await.with_context(|| format!("the state of sagas in {}", file.display()))
        }
        DatabaseKind::Postgres => {
            let Some(url) = &config.sagas.postgres_url else { bail!("sagas.postgres_url is not set") };
            let (schema, connections) = (&config.sagas.schema, config.sagas.postgres_connections_max);
            let attempt = || saga_state::connect(url.reveal(), schema, connections);
            let temporary = |fault: &saga_state::Fault| matches!(fault, saga_state::Fault::Unavailable(_));
            patiently("Postgres", attempt, temporary).await.context("sagas.kind = postgres")
        }
    }
}

/// Opens the accounts.
pub async fn credentials(config: &Config) -> Result<Arc<dyn Credentials>> {
    match config.auth.kind {
        DatabaseKind::Sqlite => {
            let file = config.node.data_folder.join("auth.sqlite");
            infra::credentials::sqlite::open(&file).await.with_context(|| format!("the accounts in {}", file.display()))
        }
        DatabaseKind::Postgres => {
            let Some(url) = &config.auth.postgres_url else { bail!("auth.postgres_url is not set") };
            let (schema, connections) = (&config.auth.schema, config.auth.postgres_connections_max);
            let attempt = || infra::credentials::postgres::connect(url.reveal(), schema, connections);
            let temporary = |fault: &infra::credentials::Fault| matches!(fault, infra::credentials::Fault::Unavailable(_));
            patiently("Postgres", attempt, temporary).await.context("auth.kind = postgres")
        }
    }
}

/// Opens the search index; nothing where there is none.
pub async fn search(role: Role, config: &Config) -> Result<Option<Arc<dyn Search>>> {
    match search_kind(role, config) {
        SearchKind::Off => Ok(None),
        SearchKind::Elasticsearch => {
            let Some(options) = options::elasticsearch(config) else { bail!("search.elasticsearch_url is not set") };
            // It is looked for when it is needed: a cluster that is away keeps nobody from starting.
            let opened = infra::search::elasticsearch::open(&options);
            Ok(Some(opened.context("search.kind = elasticsearch")?))
        }
        SearchKind::Sqlite => {
            let file = config.node.data_folder.join("search.sqlite");
            let opened = infra::search::sqlite::open(&file).await;
            Ok(Some(opened.with_context(|| format!("the search index in {}", file.display()))?))
        }
    }
}

/// The index that is asked for, or fits the role.
pub fn search_kind(role: Role, config: &Config) -> SearchKind {
    config.search.kind.unwrap_or(if role == Role::All { SearchKind::Sqlite } else { SearchKind::Off })
}

async fn patiently<T, E, F>(what: &str, attempt: impl Fn() -> F, temporary: impl Fn(&E) -> bool) -> Result<T, E>
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let begin = Instant::now();
    loop {
        match attempt().await {
            Err(fault) if temporary(&fault) && begin.elapsed() < PATIENCE => {
                tracing::warn!(%fault, seconds_max = PATIENCE.as_secs(), "{what} is not there yet; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            settled => return settled,
        }
    }
}
