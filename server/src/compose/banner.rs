//! What a person sees when the program has started.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use infra::config::{Config, DatabaseKind, LogKind, SearchKind};

use super::{Role, options, stores};
use crate::cli::VERSION;
use crate::say;

/// How often readiness is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// After how long somebody who waits is told what for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the process can be reached.
#[derive(Debug, Clone, Copy)]
pub struct Reached {
    /// By people.
    pub public: SocketAddr,
    /// By nodes and tools.
    pub internal: SocketAddr,
}

/// Waits until everything is ready, then says what this is and where.
pub async fn show(role: Role, config: Config, folder: Arc<Path>, at: Reached, waiting: infra::http::internal::Waiting) {
    let mut waited = Duration::ZERO;
    loop {
        let missing = waiting();
        if missing.is_empty() {
            break;
        }
        if waited.as_millis().is_multiple_of(PATIENCE.as_millis()) && !waited.is_zero() {
            tracing::info!(waiting_for = missing.join("; "), "not ready yet");
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
    tracing::info!(role = role.name(), public = %at.public, internal = %at.internal, "ready");
    for line in lines(role, &config, &folder, at) {
        say::line(&line);
    }
}

fn lines(role: Role, config: &Config, folder: &Path, at: Reached) -> Vec<String> {
    let Reached { public, internal } = at;
    let profile = config.node.profile.word();
    let mut lines = vec![format!("Sarangbang {VERSION} · {} · {profile} · {}", role.name(), options::node_name(config))];
    lines.push(match role {
        Role::All | Role::Front => format!("  open        http://{public}"),
        _ => format!("  public      http://{public}"),
    });
    if role.needs_log() {
        lines.push(match config.log.kind {
            LogKind::Embedded => {
                format!("  log         embedded and durable: every append is synced to {}", folder.join("log").display())
            }
            LogKind::Kafka => {
                let brokers = config.log.brokers.as_deref().unwrap_or_default();
                format!("  log         Kafka at {brokers}, topics {}.*", config.log.topic_prefix)
            }
        });
    }
    if role.needs_read_model() {
        lines.push(match config.read_model.kind {
            DatabaseKind::Sqlite => format!("  read model  SQLite in {}", folder.join("timeline.*").display()),
            DatabaseKind::Postgres => format!("  read model  Postgres, schema {}", config.read_model.schema),
        });
    }
    if role.needs_read_model() {
        lines.push(match stores::search_kind(role, config) {
            SearchKind::Sqlite => format!("  search      SQLite in {}", folder.join("search.sqlite").display()),
            SearchKind::Elasticsearch => format!("  search      Elasticsearch, indices {}-*", config.search.index_prefix),
            SearchKind::Off => "  search      off".to_owned(),
        });
    }
    if role.needs_accounts() {
        lines.push(match config.auth.kind {
            DatabaseKind::Sqlite => format!("  accounts    SQLite in {}", folder.join("auth.sqlite").display()),
            DatabaseKind::Postgres => format!("  accounts    Postgres, schema {}", config.auth.schema),
        });
    }
    lines.push(format!("  internal    http://{internal}: health, metrics, tools; not for the outside"));
    if matches!(role, Role::All | Role::Front) {
        lines.push(format!("  interfaces  http://{public}/docs"));
    }
    lines.push("  stop        Ctrl-C".to_owned());
    lines
}
