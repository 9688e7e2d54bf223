//! What must hold between settings.

use std::net::SocketAddr;

use super::{Config, DatabaseKind, LogKind, Problem, RetentionBy, SearchKind, Secret};

/// Everything in `config` that does not go together, each with the fix.
pub(super) fn check(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |wrong: bool, setting: &str, reason: &str| {
        if wrong {
            problems.push(Problem { setting: setting.to_owned(), reason: reason.to_owned(), source: String::new() });
        }
    };
    let production = config.production();

    refuse(
        config.log.kind == LogKind::Kafka && config.log.brokers.is_none(),
        "log.brokers",
        "Kafka needs its brokers; set it to host:port, or log.kind to embedded",
    );
    refuse(
        config.log.kind == LogKind::Embedded && config.log.brokers.is_some(),
        "log.brokers",
        "brokers are given but the log is embedded; set log.kind to kafka, or leave log.brokers away",
    );
    let (read_model, sagas, auth) = (&config.read_model, &config.sagas, &config.auth);
    database(&mut refuse, "read_model", "the read model is SQLite", read_model.kind, read_model.postgres_url.as_ref());
    database(&mut refuse, "sagas", "sagas are kept in SQLite", sagas.kind, sagas.postgres_url.as_ref());
    database(&mut refuse, "auth", "accounts are kept in SQLite", auth.kind, auth.postgres_url.as_ref());
    let elasticsearch = config.search.kind == Some(SearchKind::Elasticsearch);
    refuse(
        elasticsearch && config.search.elasticsearch_url.is_none(),
        "search.elasticsearch_url",
        "Elasticsearch needs its URL; set it to http://host:9200, or leave search.kind away",
    );
    refuse(
        !elasticsearch && config.search.elasticsearch_url.is_some(),
        "search.elasticsearch_url",
        "a cluster is given but the search index is elsewhere; set search.kind to elasticsearch, or leave it away",
    );
    refuse(
        !elasticsearch && config.search.retention_by == RetentionBy::Lifecycle,
        "search.retention_by",
        "only Elasticsearch has a lifecycle of its own; leave it away",
    );
    refuse(
        production && config.tokens.secure_cookies == Some(false),
        "tokens.secure_cookies",
        "cookies without `Secure` are refused in production; leave it away",
    );
    refuse(
        config.auth.registration_wait_ms_max >= config.http.request_ms_max,
        "auth.registration_wait_ms_max",
        "it must be less than http.request_ms_max, so that a registration is answered before its request is cut off",
    );
    refuse(
        unspecified(&config.node.internal_listen) && config.node.internal_url.is_none(),
        "node.internal_url",
        "other nodes cannot reach an address of all interfaces; set it to how they reach node.internal_listen, such as http://host:8081",
    );
    refuse(
        config.node.public_listen == config.node.internal_listen && !config.node.public_listen.ends_with(":0"),
        "node.internal_listen",
        "it must not be the public address, since what it serves is not for the outside; take another port",
    );
    refuse(
        config.ws.idle_ms_max <= config.ws.ping_ms.saturating_mul(2),
        "ws.idle_ms_max",
        "it must be more than two pings, or sockets that are well would be closed; raise it, or lower ws.ping_ms",
    );
    refuse(
        config.command.execute_ms_max >= config.http.request_ms_max,
        "command.execute_ms_max",
        "it must be less than http.request_ms_max, so that a command is answered before its request is cut off",
    );
    problems
}

/// The URL is there exactly if it is used. `embedded` says what holds without Postgres.
fn database(refuse: &mut impl FnMut(bool, &str, &str), section: &str, embedded: &str, kind: DatabaseKind, url: Option<&Secret>) {
    let setting = format!("{section}.postgres_url");
    refuse(
        kind == DatabaseKind::Postgres && url.is_none(),
        &setting,
        &format!("Postgres needs its URL; set it to postgres://user:password@host/database, or {section}.kind to sqlite"),
    );
    refuse(
        kind == DatabaseKind::Sqlite && url.is_some(),
        &setting,
        &format!("a database is given but {embedded}; set {section}.kind to postgres, or leave it away"),
    );
}

fn unspecified(address: &str) -> bool {
    address.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_unspecified())
}
