//! Input that nobody should send, against the whole program: never a 5xx, never a panic, nothing of the inside told, and the
//! system works on.

mod foreign;
mod http;
mod operations;
mod shapes;
mod socket;
mod wire;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::live::Live;
use e2e::person::Person;
use e2e::process::Node;
use e2e::raw::RawAnswer;
use e2e::system::{Addresses, Embedded};
use infra::http::problem;
use serde_json::Value;

/// What no answer may contain, in lower case: parts of panics, paths, SQL, Rust and the stores.
const INTERNALS: &[&str] = &[
    "panicked",
    "unwrap",
    "rust_backtrace",
    ".rs:",
    "::",
    "/home/",
    "/root/",
    "/work/",
    "/tmp/",
    ".cargo",
    "sqlx",
    "sqlite",
    "postgres",
    "select ",
    "insert ",
    "fjall",
    "librdkafka",
    "rdkafka",
    "tokio",
    "option<",
    "struct ",
    "enum ",
];

/// The embedded system, with a rate limit that lets everything through: what is refused here is refused for what it is.
async fn start(folder: &Path) -> Result<Embedded> {
    let settings = [("rate.commands_per_second", "1000000".to_owned()), ("rate.commands_burst", "1000000".to_owned())];
    let mut node = Node::new("all", "all", folder, &settings)?;
    node.start().await?;
    Ok(Embedded { node })
}

/// Fails with what an answer to hostile input must not be. `echoed` is what was sent, which a detail may quote.
fn check(what: &str, answer: &RawAnswer, echoed: &str) -> Result<()> {
    let shown = || format!("{what}: {} {:?} {}", answer.status, answer.headers, String::from_utf8_lossy(&answer.body));
    ensure!((200..500).contains(&answer.status), "not an orderly answer\n{}", shown());
    let text = String::from_utf8_lossy(&answer.body).to_lowercase();
    let echoed = echoed.to_lowercase();
    for internal in INTERNALS.iter().filter(|internal| !echoed.contains(*internal)) {
        ensure!(!text.contains(internal), "{internal:?} tells of the inside\n{}", shown());
    }
    if answer.status < 400 {
        return Ok(());
    }
    ensure!(answer.header("content-type") == Some("application/problem+json"), "no problem document\n{}", shown());
    let body = answer.json();
    let code = body.get("code").and_then(Value::as_str).unwrap_or_default();
    let row = problem::find(code).with_context(|| format!("{code:?} is not in the table of problems\n{}", shown()))?;
    ensure!(row.status == answer.status, "{code} belongs to {}\n{}", row.status, shown());
    ensure!(body.get("type").and_then(Value::as_str) == Some(&format!("urn:sarangbang:problem:{code}")), "{}", shown());
    ensure!(body.get("traceId").is_some(), "no trace id\n{}", shown());
    Ok(())
}

/// The system still does what it is for, and its log tells of no panic and no error.
async fn works_on(node: &Node, at: &Addresses) -> Result<()> {
    let ann = Person::sign_in(at, "still-here").await?;
    let room = ann.create_room("private", "after all that").await?;
    let mut live = Live::open(&ann).await?;
    // The read model may still be busy with what was let through.
    e2e::patience::until("a subscription", e2e::patience::SOON, || async {
        Ok(ann.query(&format!("/chat/rooms/{room}"), None).await?.status.is_success().then_some(()))
    })
    .await?;
    live.subscribe(&room, None).await?;
    let sent = ann.send(&room, "works").await?;
    ensure!(live.next_message(&room).await?.get("text") == Some(&Value::from("works")), "not live");
    ensure!(ann.history(&room, sent.read_token.as_deref()).await?.len() == 1, "not read back");
    unharmed(node).await
}

/// Neither the log nor the metrics of a node tell of a panic or an error.
async fn unharmed(node: &Node) -> Result<()> {
    let log = node.log()?;
    let bad = log.lines().find(|line| line.contains("panicked") || line.contains("ERROR"));
    ensure!(bad.is_none(), "the log says: {}", bad.unwrap_or_default());
    let metrics = reqwest::get(format!("{}/metrics", node.internal_url())).await?.text().await?;
    let panics = metrics.lines().find(|line| line.starts_with("sarangbang_http_panics_total") && !line.ends_with(" 0"));
    ensure!(panics.is_none(), "{panics:?}");
    Ok(())
}
