//! From the configuration to each service's own options: the one place that knows both.

use std::num::{NonZeroU8, NonZeroU32};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use infra::config::{Config, IndexPeriod, RetentionBy};
use infra::credentials::Policy;
use infra::http::Limits;
use infra::http::client::TrustedProxies;
use infra::search::elasticsearch::Period;

use crate::cli::VERSION;

/// Numbers of settings are checked to be in range; where a platform's integers are smaller, the largest one stands.
fn size(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The node's name: the machine's and the port that tells apart the processes on it, unless it is set.
pub fn node_name(config: &Config) -> String {
    config.node.name.clone().unwrap_or_else(|| {
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let machine = if machine.trim().is_empty() { "node" } else { machine.trim() };
        let port = config.node.internal_listen.rsplit(':').next().unwrap_or_default();
        format!("{machine}-{port}")
    })
}

pub fn telemetry(config: &Config) -> infra::telemetry::Options {
    let terminal = || std::io::IsTerminal::is_terminal(&std::io::stderr());
    infra::telemetry::Options {
        json: config.telemetry.format == infra::config::LogFormat::Json,
        colour: config.telemetry.colour.unwrap_or_else(terminal),
        filter: config.telemetry.filter.clone(),
        node: node_name(config),
        version: VERSION,
    }
}

pub fn embedded_log(config: &Config) -> infra::log::embedded::Options {
    let defaults = infra::log::embedded::Options::default();
    let event_partitions = config.log.event_partitions.map_or(defaults.event_partitions, at_least_one);
    infra::log::embedded::Options { event_partitions, ..defaults }
}

pub fn kafka_log(config: &Config) -> infra::log::kafka::Options {
    let defaults = infra::log::kafka::Options::new(config.log.brokers.clone().unwrap_or_default());
    infra::log::kafka::Options {
        prefix: config.log.topic_prefix.clone(),
        client_id: format!("sarangbang-{}", node_name(config)),
        event_partitions: config.log.event_partitions.map_or(defaults.event_partitions, at_least_one),
        replicas: config.log.replicas.and_then(|replicas| NonZeroU8::new(u8::try_from(replicas).ok()?)),
        delivery_timeout: ms(config.log.delivery_timeout_ms),
        session_timeout: ms(config.log.session_timeout_ms),
        properties: config.log.kafka_properties.0.clone(),
        ..defaults
    }
}

pub fn cluster(config: &Config, internal_url: String) -> command_api::cluster::ClusterOptions {
    let command = &config.command;
    command_api::cluster::ClusterOptions {
        node: node_name(config),
        internal_url,
        state_folder: config.node.data_folder.join("state"),
        producers: size(command.producers),
        queue_requests_max: size(command.queue_requests_max),
        in_flight_max: size(command.in_flight_events_max),
        idempotency_window: ms(command.idempotency_window_ms),
        command_timeout: ms(command.execute_ms_max),
        state_cache_bytes: command.state_cache_bytes_max,
        store_cache_bytes: command.store_cache_bytes_max,
        ..command_api::cluster::ClusterOptions::default()
    }
}

pub fn command_http(config: &Config) -> command_api::http::Options {
    command_api::http::Options {
        command_duration_max: ms(config.command.execute_ms_max),
        commands_per_second: at_least_one(config.rate.commands_per_second),
        commands_burst: at_least_one(config.rate.commands_burst),
        ..command_api::http::Options::default()
    }
}

pub fn query(config: &Config) -> query_api::Options {
    let ws = &config.ws;
    query_api::Options {
        sockets: query_api::ws::Limits {
            sockets_max: size(ws.sockets_max),
            sockets_per_user_max: size(ws.sockets_per_user_max),
            subscriptions_max: size(ws.subscriptions_max),
            queue_frames_max: size(ws.queue_frames_max),
            queue_bytes_max: size(ws.queue_bytes_max),
            changes_max: ws.changes_max,
            changes_bytes_max: size(ws.changes_bytes_max),
            frames_per_second_max: ws.frames_per_second_max,
            frames_burst_max: ws.frames_burst_max,
            ping_interval: ms(ws.ping_ms),
            idle_max: ms(ws.idle_ms_max),
            write_time_max: ms(ws.write_ms_max),
            tickets_max: size(ws.tickets_max),
            // How long a reader waits is part of the public surface (2 s), not a setting.
            ..query_api::ws::Limits::default()
        },
    }
}

/// Nothing where no cluster is given.
pub fn elasticsearch(config: &Config) -> Option<infra::search::elasticsearch::Options> {
    let search = &config.search;
    let options = infra::search::elasticsearch::Options::new(search.elasticsearch_url.clone()?, &search.index_prefix);
    Some(infra::search::elasticsearch::Options {
        generation: search.generation,
        period: match search.index_period {
            IndexPeriod::Day => Period::Day,
            IndexPeriod::Month => Period::Month,
            IndexPeriod::Year => Period::Year,
        },
        shards: search.shards,
        replicas: search.replicas,
        refresh: ms(search.refresh_ms),
        request_max: ms(search.request_ms_max),
        bulk_bytes_max: size(search.bulk_bytes_max),
        lifecycle_days: search.retention_days.filter(|_| search.retention_by == RetentionBy::Lifecycle),
        ..options
    })
}

/// The search projector's: an index that is not this process's alone is fed by all of its group, and each making of it by a group of its own.
pub fn indexer(config: &Config, shared: bool) -> projectors::search::Options {
    let shared = elasticsearch(config).filter(|_| shared);
    let retention = config.search.retention_days.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
    projectors::search::Options {
        group: shared.map(|options| format!("search-{}-{}", options.prefix, options.making())),
        retention,
        expires: config.search.retention_by == RetentionBy::Program,
        ..projectors::search::Options::default()
    }
}

pub fn identity(config: &Config) -> auth_api::Options {
    let (auth, defaults) = (&config.auth, auth_api::Options::default());
    auth_api::Options {
        token_duration: ms(config.tokens.lifetime_ms),
        session_duration: ms(auth.session_ms_max),
        registration_wait_max: ms(auth.registration_wait_ms_max),
        pool: auth_api::Pool { workers: size(auth.hashing_threads), waiting_max: size(auth.hashing_waiting_max) },
        cookie_secure: config.tokens.secure_cookies.unwrap_or(config.production()),
        account_policy: Policy {
            free: auth.account_failures_free,
            wait_ms_max: auth.account_wait_ms_max,
            ..defaults.account_policy
        },
        address_policy: Policy {
            free: auth.address_failures_free,
            wait_ms_max: auth.address_wait_ms_max,
            ..defaults.address_policy
        },
        registration_policy: Policy { free: auth.registrations_free, ..defaults.registration_policy },
        ..defaults
    }
}

pub fn limits(config: &Config) -> Limits {
    Limits { request_duration_max: ms(config.http.request_ms_max), requests_max: size(config.http.requests_max) }
}

/// Whose word about a client's address is taken.
pub fn trusted_proxies(config: &Config) -> TrustedProxies {
    // The setting was read as such a list already.
    config.http.trusted_proxies.as_deref().and_then(|networks| networks.parse().ok()).unwrap_or_default()
}

pub fn body_bytes_max(config: &Config) -> usize {
    size(config.http.body_bytes_max)
}

/// The data folder with its full path, made if it is not there, readable by its owner alone.
pub fn data_folder(config: &Config) -> Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = &config.node.data_folder;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("node.data_folder: {} cannot be made", folder.display()))?;
    folder.canonicalize().with_context(|| format!("node.data_folder: {} cannot be used", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The documentation states the settings' defaults; the services have defaults of their own for tests. Both must agree.
    #[test]
    fn the_defaults_of_the_settings_are_those_of_the_services() {
        let config = Config::default();
        assert_eq!(query(&config), query_api::Options::default());
        assert_eq!(command_http(&config), command_api::http::Options::default());
        let browsers_on_loopback = auth_api::Options { cookie_secure: false, ..auth_api::Options::default() };
        assert_eq!(identity(&config), browsers_on_loopback);
        assert_eq!(limits(&config), Limits::default());
        assert_eq!(body_bytes_max(&config), infra::http::json::BODY_BYTES_MAX);
        let (ours, theirs) = (cluster(&config, String::new()), command_api::cluster::ClusterOptions::default());
        assert_eq!(
            (ours.producers, ours.queue_requests_max, ours.in_flight_max, ours.idempotency_window),
            (theirs.producers, theirs.queue_requests_max, theirs.in_flight_max, theirs.idempotency_window)
        );
        assert_eq!((ours.state_cache_bytes, ours.store_cache_bytes), (theirs.state_cache_bytes, theirs.store_cache_bytes));
        let (ours, theirs) = (kafka_log(&config), infra::log::kafka::Options::new(""));
        assert_eq!((ours.prefix, ours.event_partitions), (theirs.prefix, theirs.event_partitions));
        assert_eq!((ours.delivery_timeout, ours.session_timeout), (theirs.delivery_timeout, theirs.session_timeout));
        assert_eq!(embedded_log(&config).event_partitions, infra::log::embedded::EVENT_PARTITIONS);
    }
}
