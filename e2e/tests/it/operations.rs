//! What operators look at: `doctor`, and `/metrics` held against its documentation.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::patience::{LATE, SOON, until};
use e2e::process::Node;
use e2e::system::{Embedded, OnServers, servers};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::scenarios::conversation;
use crate::stage;

/// The page that names every metric.
const DOCUMENTED: &str = include_str!("../../../docs/metrics.md");
/// What stays silent while all is well.
const OF_TROUBLE: [&str; 16] = [
    "sarangbang_appends_unconfirmed_total",
    "sarangbang_commands_rate_limited_total",
    "sarangbang_events_parked_total",
    "sarangbang_http_panics_total",
    "sarangbang_live_cut_offs_total",
    "sarangbang_live_resyncs_total",
    "sarangbang_presence_lost_total",
    "sarangbang_projector_checkpoints_moved_total",
    "sarangbang_projector_faults_total",
    "sarangbang_queries_behind_total",
    "sarangbang_records_ignored_total",
    "sarangbang_saga_steps_repeated_total",
    "sarangbang_sagas_unreadable_total",
    "sarangbang_search_faults_total",
    "sarangbang_search_retries_total",
    "sarangbang_streams_unreadable_total",
];

/// What is silent until somebody registers with a password, which nobody does in these conversations.
const OF_ACCOUNTS: [&str; 4] = [
    "sarangbang_outbox_sent_total",
    "sarangbang_saga_seconds",
    "sarangbang_sagas_ended_total",
    "sarangbang_security_events_total",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_as_documented() -> Result<()> {
    let stage = stage("metrics").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    conversation::what_is_written_arrives(&system.addresses()).await?;
    appear(&system.node, "sarangbang_kafka_").await?;
    system.node.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_on_kafka_and_postgres_are_as_documented() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("metrics-on-servers").await?;
    let mut system = OnServers::start(&stage.folder, &servers).await?;
    conversation::what_is_written_arrives(&system.addresses()).await?;
    // Those of the embedded log are not there; librdkafka's statistics are.
    appear(&system.node, "sarangbang_log_").await?;
    system.node.stop().await
}

/// Waits until every documented metric is there, but for those that begin with `absent`; and none else, nor of another kind.
async fn appear(node: &Node, absent: &str) -> Result<()> {
    let documented = documented();
    let silent = |name: &str| OF_TROUBLE.contains(&name) || OF_ACCOUNTS.contains(&name);
    let wanted = |name: &&str| !name.starts_with(absent) && !silent(name);
    let wanted: BTreeSet<&str> = documented.keys().copied().filter(wanted).collect();
    until("all metrics", SOON, || async {
        let page = node.metrics().await?;
        let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let found: BTreeMap<&str, &str> = types.collect();
        let missing: Vec<_> = wanted.iter().filter(|name| !found.contains_key(**name)).collect();
        ensure!(missing.is_empty(), "missing: {missing:?}");
        Ok(Some(()))
    })
    .await?;
    let page = node.metrics().await?;
    for (name, kind) in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')) {
        ensure!(documented.get(name) == Some(&kind), "{name}, a {kind}, is documented as {:?}", documented.get(name));
        ensure!(page.contains(&format!("# HELP {name} ")), "{name} does not say what it is");
    }
    Ok(())
}

/// Name and kind of every metric on the page.
fn documented() -> BTreeMap<&'static str, &'static str> {
    let cells = |row: &'static str| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        Some((cells.next()?.trim_matches('`'), cells.next()?))
    };
    DOCUMENTED.lines().filter(|line| line.starts_with("| `")).filter_map(cells).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn log_lines_can_be_read_by_machines() -> Result<()> {
    let stage = stage("json-logs").await?;
    let mut system = Embedded::start_with(&stage.folder, &[("telemetry.format", "json".to_owned())]).await?;
    // It answers that it is ready a moment before it says so in its log.
    until("the line that it is ready", SOON, async || Ok(system.node.log()?.contains("\"ready\"").then_some(()))).await?;
    system.node.stop().await?;
    let (mut messages, text) = (BTreeSet::new(), system.node.log_tail());
    // What a person reads at the start goes to standard output; what else there is, is one object a line.
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let object: serde_json::Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        for field in ["timestamp", "level", "target", "message"] {
            ensure!(object.get(field).is_some_and(serde_json::Value::is_string), "{field} is missing: {line}");
        }
        messages.insert(object.get("message").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned());
    }
    ensure!(messages.contains("ready") && messages.contains("stopped"), "{text}");
    ensure!(!text.contains(" INFO "), "a line for people:\n{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_what_can_be_reached_and_names_a_wrong_topic_setting() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("doctor").await?;
    let mut system = OnServers::start(&stage.folder, &servers).await?;
    let node = &system.node;

    let well = says(node, &[]).await?;
    ensure!(well.succeeded && !well.text.contains("FAIL"), "{}", well.text);
    for (what, found) in
        [("Kafka", "can be reached"), ("topics", "are as they should be"), ("Postgres", "version "), ("schema", "")]
    {
        ensure!(well.line("OK", what).is_some_and(|line| line.contains(found)), "{what}: {}", well.text);
    }
    // Nothing listens on port 1. What one server does does not hide the other.
    let no_kafka = says(node, &[("log.brokers", "127.0.0.1:1")]).await?;
    ensure!(!no_kafka.succeeded, "{}", no_kafka.text);
    ensure!(no_kafka.line("FAIL", "Kafka").is_some_and(|line| line.contains("127.0.0.1:1")), "{}", no_kafka.text);
    ensure!(no_kafka.line("OK", "Postgres").is_some(), "{}", no_kafka.text);
    let no_postgres = says(node, &[("read_model.postgres_url", "postgres://ann:hunter2@127.0.0.1:1/chat")]).await?;
    ensure!(!no_postgres.succeeded && !no_postgres.text.contains("hunter2"), "{}", no_postgres.text);
    ensure!(no_postgres.line("FAIL", "Postgres").is_some() && no_postgres.line("OK", "topics").is_some(), "{}", no_postgres.text);
    let no_service = [("tokens.jwks_url", "http://127.0.0.1:1/keys"), ("upstream.command_api_url", "http://127.0.0.1:1")];
    let no_service = says(node, &no_service).await?;
    ensure!(!no_service.succeeded, "{}", no_service.text);
    for (what, setting) in [("token keys", "tokens.jwks_url"), ("command-api", "upstream.command_api_url")] {
        let line = no_service.line("FAIL", what);
        ensure!(line.is_some_and(|line| line.contains(setting)), "{what}: {}", no_service.text);
    }

    // A topic that expires loses the truth. Brokers hear of a change by and by.
    let topic = format!("{}.rooms.v1", node.setting("log.topic_prefix").context("no prefix")?);
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new().set("bootstrap.servers", &servers.kafka).create()?;
    let expiring = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("retention.ms", "604800000");
    admin.alter_configs([&expiring], &AdminOptions::new()).await?;
    until("the doctor names the setting", LATE, || async {
        let ill = says(node, &[]).await?;
        let named = format!("{topic}: retention.ms is 604800000, wanted is -1");
        ensure!(!ill.succeeded && ill.line("FAIL", "topic").is_some_and(|line| line.contains(&named)), "{}", ill.text);
        ensure!(ill.line("OK", "Kafka").is_some(), "{}", ill.text);
        Ok(Some(()))
    })
    .await?;
    system.node.stop().await
}

/// What the doctor says.
struct Said {
    succeeded: bool,
    text: String,
}

impl Said {
    /// The line about `what`, if it has this level.
    fn line(&self, level: &str, what: &str) -> Option<&str> {
        let beginning = format!("{level:4}  {what:14}");
        self.text.lines().find(|line| line.starts_with(&beginning))
    }
}

async fn says(node: &Node, settings: &[(&str, &str)]) -> Result<Said> {
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let (status, text, complained) = node.tool_outcome(&["doctor"], &settings).await?;
    ensure!(text.starts_with("OK"), "the doctor said nothing: {complained}");
    Ok(Said { succeeded: status.success(), text })
}
