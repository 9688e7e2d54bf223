//! Search and numbers on Kafka, Postgres and Elasticsearch, which goes away for a while and comes back.

use anyhow::{Context, Result, ensure};
use e2e::faults::proxy::{Proxy, Way};
use e2e::patience::{LATE, until};
use e2e::person::Person;
use e2e::process::Node;
use e2e::system::{elasticsearch, servers};
use reqwest::StatusCode;
use serde_json::Value;

use crate::stage;

/// How often the projector is to have failed before the cluster comes back: each failure is several attempts, and behind each stands a
/// longer pause. An outage of ten minutes is more of the same.
const FAULTS: f64 = 4.0;
/// What is said meanwhile.
const MEANWHILE: u64 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_of_elasticsearch_stops_nobody_and_loses_nothing() -> Result<()> {
    let (Some(servers), Some(cluster)) = (servers()?, elasticsearch()?) else { return Ok(()) };
    let stage = stage("searching-outage").await?;
    let target = cluster.rsplit_once(':').context("no port")?.1.trim_end_matches('/').parse()?;
    let proxy = Proxy::start(0, target).await?;
    let mut settings = servers.settings();
    settings.extend([
        ("search.kind", "elasticsearch".to_owned()),
        ("search.elasticsearch_url", format!("http://127.0.0.1:{}", proxy.port)),
        ("search.index_prefix", format!("e2e_{}", infra::random::uuid_v4().simple())),
        ("search.replicas", "0".to_owned()),
        ("search.request_ms_max", "2000".to_owned()),
        ("rate.commands_per_second", "1000".to_owned()),
        ("rate.commands_burst", "1000".to_owned()),
    ]);
    let mut node = Node::new("all", "all", &stage.folder, &settings)?;
    node.start().await?;
    let at = e2e::system::Addresses { command: node.public_url(), query: node.public_url(), auth: node.public_url() };
    let (ann, eve) = (Person::sign_in(&at, "ann").await?, Person::sign_in(&at, "eve").await?);
    let room = ann.create_room("private", "kitchen").await?;
    let first = ann.send(&room, "초등학교에서 tea").await?;
    // The first document needs an index, which a cluster that makes many at once is not quick to give.
    let first_found = || async {
        let found = search(&ann, "q=%ED%95%99%EA%B5%90", first.read_token.as_deref()).await?;
        Ok((found == [1]).then_some(()))
    };
    until("what was said first is found", LATE, first_found).await?;

    proxy.set(Way::Cut);
    for number in 0..MEANWHILE {
        ann.send(&room, &format!("tea number {number}")).await?;
    }
    let failed = || async {
        let metrics = node.metrics().await?;
        let counted = metrics.lines().find_map(|line| line.strip_prefix("sarangbang_search_faults_total "));
        Ok(counted.and_then(|count| count.trim().parse::<f64>().ok()).filter(|count| *count >= FAULTS))
    };
    until("the search projector fails again and again", LATE, failed).await?;
    // Everything else works, and who searches is told.
    let history = ann.history(&room, None).await?;
    ensure!(!history.is_empty());
    let refused = ann.query("/chat/search?q=tea", None).await?;
    ensure!((refused.status, refused.code()) == (StatusCode::SERVICE_UNAVAILABLE, "service-unavailable"), "{refused:?}");

    proxy.set(Way::Open);
    let last = ann.send(&room, "the last tea").await?;
    let all: Vec<u64> = (1..=MEANWHILE + 2).rev().collect();
    let caught_up = || async {
        let found = search(&ann, "q=tea&order=time", last.read_token.as_deref()).await?;
        Ok((found == all).then_some(()))
    };
    until("everything that was said is found", LATE, caught_up).await?;
    ensure!(search(&eve, "q=tea", None).await?.is_empty(), "eve is not in the room");

    // Killed and started again, it counts the same: nothing is counted twice.
    node.kill().await?;
    node.start().await?;
    let words = || async {
        let counts = ann.query("/chat/stats/words?top=1", None).await?.success()?;
        let count = counts.number("/items/0/count")?;
        Ok((counts.text("/items/0/key")? == "tea" && count == MEANWHILE + 2).then_some(()))
    };
    until("the words are counted", LATE, words).await?;
    node.stop().await
}

/// The numbers of the messages that a search finds, page by page.
async fn search(person: &Person, query: &str, after: Option<&str>) -> Result<Vec<u64>> {
    let (mut numbers, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.query(&format!("/chat/search?{query}&limit=70{cursor}"), after).await?.success()?;
        numbers.extend(page.array("/items")?.iter().filter_map(|found| found.get("number").and_then(Value::as_u64)));
        match page.body.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(numbers),
        }
    }
}
