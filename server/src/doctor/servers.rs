//! What is reachable elsewhere: Kafka and its topics, Postgres and its schema, other services of ours.

use std::collections::BTreeMap;
use std::time::Duration;

use infra::config::{Config, DatabaseKind, LogKind};
use infra::log::kafka::{self, Level as TopicLevel};
use infra::read_model::postgres::{self, Inspection};

use super::Finding;
use crate::compose;

/// How long a server may take to answer.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(15);
/// The first major version of Postgres that this is tested on.
const POSTGRES_MAJOR_MIN: u32 = 15;

/// Everything that the configuration names.
pub async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.log.kind == LogKind::Kafka {
        findings.extend(topics(config).await);
    }
    if config.read_model.kind == DatabaseKind::Postgres {
        findings.extend(database(config).await);
    }
    if let Some(url) = &config.tokens.jwks_url {
        findings.push(service("token keys", url, "tokens.jwks_url").await);
    }
    for (what, url, setting) in [
        ("command-api", &config.upstream.command_api_url, "upstream.command_api_url"),
        ("auth-api", &config.upstream.auth_api_url, "upstream.auth_api_url"),
    ] {
        if let Some(url) = url {
            findings.push(service(what, &format!("{}/health/live", url.trim_end_matches('/')), setting).await);
        }
    }
    findings
}

async fn topics(config: &Config) -> Vec<Finding> {
    const WHAT: &str = "Kafka";
    let brokers = config.log.brokers.as_deref().unwrap_or_default();
    let options = compose::kafka_log(config);
    let inspected = tokio::time::timeout(ANSWER_DURATION_MAX, kafka::inspect(&options)).await;
    let found = match inspected {
        Ok(Ok(found)) => found,
        Ok(Err(fault)) => {
            return vec![Finding::fail(WHAT, format!("{brokers}: {fault}; check log.brokers and the brokers themselves"))];
        }
        Err(_) => {
            return vec![Finding::fail(
                WHAT,
                format!("{brokers}: no answer in {} s; check log.brokers", ANSWER_DURATION_MAX.as_secs()),
            )];
        }
    };
    let mut findings = vec![Finding::ok(WHAT, format!("{brokers} can be reached"))];
    let mut good: BTreeMap<&str, usize> = BTreeMap::new();
    for topic in &found {
        match topic.level {
            TopicLevel::Good => *good.entry(&topic.topic).or_default() += 1,
            TopicLevel::Warning => findings.push(Finding::warn("topic", topic.to_string())),
            TopicLevel::Wrong => findings.push(Finding::fail("topic", topic.to_string())),
        }
    }
    let settings: usize = good.values().sum();
    if settings > 0 {
        findings.push(Finding::ok("topics", format!("{settings} settings of {} topics are as they should be", good.len())));
    }
    findings
}

async fn database(config: &Config) -> Vec<Finding> {
    const WHAT: &str = "Postgres";
    let Some(url) = &config.read_model.postgres_url else { return Vec::new() };
    let inspected = tokio::time::timeout(ANSWER_DURATION_MAX, postgres::inspect(url.reveal(), &config.read_model.schema)).await;
    match inspected {
        Ok(Ok(found)) => judged(config, &found),
        Ok(Err(fault)) => vec![Finding::fail(WHAT, format!("{fault}; check read_model.postgres_url and the server"))],
        Err(_) => {
            vec![Finding::fail(WHAT, format!("no answer in {} s; check read_model.postgres_url", ANSWER_DURATION_MAX.as_secs()))]
        }
    }
}

fn judged(config: &Config, found: &Inspection) -> Vec<Finding> {
    let Inspection { server_version, schema, schema_exists, migrations_run, migrations_known, connections_max } = found;
    let major = server_version.split('.').next().and_then(|major| major.trim().parse::<u32>().ok()).unwrap_or_default();
    let version = if major >= POSTGRES_MAJOR_MIN {
        Finding::ok("Postgres", format!("version {server_version}"))
    } else {
        Finding::warn("Postgres", format!("version {server_version}; this is tested from {POSTGRES_MAJOR_MIN} on"))
    };
    let tables = match (schema_exists, migrations_run.cmp(migrations_known)) {
        (false, _) => Finding::ok("schema", format!("{schema} will be made at the first start")),
        (true, std::cmp::Ordering::Equal) => {
            Finding::ok("schema", format!("{schema} is up to date ({migrations_run} migrations)"))
        }
        (true, std::cmp::Ordering::Less) => Finding::ok(
            "schema",
            format!("{schema} has {migrations_run} of {migrations_known} migrations; the next start runs the others"),
        ),
        (true, std::cmp::Ordering::Greater) => Finding::fail(
            "schema",
            format!("{schema} has {migrations_run} migrations and this program knows {migrations_known}; run the newer program"),
        ),
    };
    let wanted = u64::from(config.read_model.postgres_connections_max);
    let connections = if wanted.saturating_mul(2) <= *connections_max {
        Finding::ok("connections", format!("up to {wanted} of the server's {connections_max} for each process"))
    } else {
        Finding::warn(
            "connections",
            format!(
                "up to {wanted} for each process, but the server takes {connections_max} in all; lower read_model.postgres_connections_max"
            ),
        )
    };
    vec![version, tables, connections]
}

async fn service(what: &'static str, url: &str, setting: &str) -> Finding {
    let asked = async { reqwest::Client::new().get(url).send().await?.error_for_status() };
    match tokio::time::timeout(ANSWER_DURATION_MAX, asked).await {
        Ok(Ok(_)) => Finding::ok(what, format!("{url} answers")),
        Ok(Err(error)) => Finding::fail(what, format!("{url}: {}; check {setting}", error.without_url())),
        Err(_) => Finding::fail(what, format!("{url}: no answer in {} s; check {setting}", ANSWER_DURATION_MAX.as_secs())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn databases_are_judged() {
        let config = Config::default();
        let good = Inspection {
            server_version: "15.8".to_owned(),
            schema: "timeline_g2".to_owned(),
            schema_exists: true,
            migrations_run: 1,
            migrations_known: 1,
            connections_max: 100,
        };
        let levels = |found: &Inspection| judged(&config, found).iter().map(|finding| finding.level).collect::<Vec<_>>();
        assert_eq!(levels(&good), [Level::Ok, Level::Ok, Level::Ok]);
        assert_eq!(levels(&Inspection { schema_exists: false, migrations_run: 0, ..good.clone() }), [Level::Ok; 3]);
        let bad = Inspection { server_version: "12.1".to_owned(), migrations_run: 2, connections_max: 10, ..good };
        assert_eq!(levels(&bad), [Level::Warn, Level::Fail, Level::Warn]);
    }
}
