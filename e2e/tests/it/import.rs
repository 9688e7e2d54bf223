//! Archives go in through the commands and come out of the queries, line by line.
//!
//! The short form takes the beginning of each real archive; `cargo xtask prove import` takes all of it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::chatdata::{Archive, FOLDER_VARIABLE, beginning, made_up, real};
use e2e::patience::{LATE, until};
use e2e::process::Node;
use e2e::proof;
use e2e::readback::{Compared, compare};
use e2e::system::{Addresses, Cluster, Embedded, servers};

use crate::stage;

/// Messages of each real archive in the short form.
const MESSAGES_OF_EACH_ARCHIVE: usize = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_embedded() -> Result<()> {
    let stage = stage("import-made-up").await?;
    let folder = &stage.folder;
    let mut system = Embedded::start(&folder.join("system")).await?;
    let archive = made_up(folder)?;
    let at = system.addresses();
    let compared = import(&system.node, &at, &archive, folder, &[]).await?;
    ensure!(compared.messages == 121, "{compared:?}");
    // An import that is repeated, as after a crash of the tool, changes nothing.
    import(&system.node, &at, &archive, folder, &[]).await?;
    // Nor is anything lost when the system ends without warning after it.
    system.node.kill().await?;
    system.node.start().await?;
    ensure!(compare(&at, &archive).await? == compared, "the same after a restart");
    system.node.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_data_embedded() -> Result<()> {
    let stage = stage("import-real-embedded").await?;
    let folder = &stage.folder;
    let archives = archives(folder)?;
    if archives.is_empty() {
        return Ok(());
    }
    let mut system = Embedded::start(&folder.join("system")).await?;
    let at = system.addresses();
    for archive in &archives {
        measured("embedded", &system.node, &at, archive, folder, &[]).await?;
    }
    memory("embedded", &[("all", &system.node)])?;
    system.node.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_data_on_kafka_and_postgres() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("import-real-cluster").await?;
    let folder = &stage.folder;
    let archives = archives(folder)?;
    if archives.is_empty() {
        return Ok(());
    }
    let system = Cluster::start(&folder.join("system"), &servers, 1).await?;
    let at = system.addresses(0, 0)?;
    let command = system.command.first().context("no command-api")?;
    let (query_url, internal_url) = (at.query.clone(), command.internal_url());
    let urls = ["--query-url", &query_url, "--internal-url", &internal_url];
    for archive in &archives {
        measured("Kafka and Postgres", command, &at, archive, folder, &urls).await?;
    }
    let (projectors, query) = (system.projectors.first().context("none")?, system.query.first().context("none")?);
    memory("Kafka and Postgres", &[("command-api", command), ("projectors", projectors), ("query-api", query)])
}

/// The real archives in full for a proof, their beginnings otherwise; none, with a line that says so, where they are not to be had.
fn archives(folder: &Path) -> Result<Vec<Archive>> {
    let archives = real()?;
    if archives.is_empty() {
        ensure!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{FOLDER_VARIABLE} is not set, and CI skips nothing");
        said(&format!("skipped: {FOLDER_VARIABLE} is not set"));
    }
    if proof::is_wanted() {
        return Ok(archives);
    }
    archives.iter().map(|archive| beginning(archive, MESSAGES_OF_EACH_ARCHIVE, folder)).collect()
}

async fn measured(what: &str, node: &Node, at: &Addresses, archive: &Archive, folder: &Path, arguments: &[&str]) -> Result<()> {
    let began = Instant::now();
    let compared = import(node, at, archive, folder, arguments).await?;
    let seconds = began.elapsed().as_secs_f64();
    let name = format!("{what}: {}", archive.source);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = compared.messages as f64 / seconds;
    let row = format!(
        "{} messages in {} rooms, imported and read back exactly in {seconds:.0} s ({rate:.0} messages/s, both ways)",
        compared.messages, compared.rooms
    );
    said(&format!("{name}: {row}"));
    proof::record(&name, &row)
}

/// Imports an archive with the program's own tool, then compares once the read model has caught up.
async fn import(node: &Node, at: &Addresses, archive: &Archive, folder: &Path, arguments: &[&str]) -> Result<Compared> {
    let (files, report) = (archive.files(), folder.join("report.json").display().to_string());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let own = ["import", "--url", &at.command, "--report", &report, "--stop-at-refusal"];
    node.tool(&[&own, arguments, &files].concat(), &[]).await?;
    until("the imported archive", LATE, || async { Ok(Some(compare(at, archive).await?)) }).await
}

fn memory(what: &str, nodes: &[(&str, &Node)]) -> Result<()> {
    for (role, node) in nodes {
        let mebibytes = node.resident_bytes().context("the node ended")? / (1024 * 1024);
        proof::record(&format!("{what}: memory of {role} after it"), &format!("{mebibytes} MiB"))?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the output of a test is where its numbers are looked for")]
fn said(line: &str) {
    eprintln!("{line}");
}
