//! One run: servers, nodes and load are started, faults happen one after the other, and in the end the checker judges.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::clock;
use super::fault::{Fault, Ground, NODES};
use super::servers::{OwnServers, WAYS};
use super::tally::{Measured, Tally};
use crate::checker::{Evidence, Report, check, collect};
use crate::load::{self, Load, Nodes};
use crate::patience::{LATE, until};
use crate::person::Person;
use crate::system::{Addresses, Cluster};

/// Commands that are acknowledged in peace before the first fault, and between two.
const CALM: usize = 40;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// What goes wrong, in order.
    pub faults: Vec<Fault>,
    /// The load.
    pub load: load::Options,
}

/// Runs the faults under load, with the services' folder and everything else below `folder`. Returns the numbers and the evidence.
///
/// # Errors
/// When the system does not recover from a fault, or something cannot be started. What the checker finds is in the tally's report.
pub async fn run(folder: &Path, services: &Path, options: &Options) -> Result<(Tally, Evidence)> {
    let (began, evidence) = (Instant::now(), folder.join("evidence"));
    let mut ground = prepare(folder, services).await?;
    let cluster = &ground.cluster;
    let nodes =
        Nodes { command: cluster.command_urls(), query: cluster.query_urls(), auth: cluster.auth.public_url(), from: Vec::new() };
    let mut load = Load::start(&evidence, &nodes, &options.load).await?;
    let reader = reader(&nodes).await?;
    load.more(CALM).await?;
    say(&format!("servers, nodes and load are there after {:.0} s", began.elapsed().as_secs_f64()));
    let mut measured = Vec::new();
    for (number, fault) in (1..).zip(&options.faults) {
        if let Some(why) = fault.impossible(&ground) {
            say(&format!("{number}/{} {}: not here, {why}", options.faults.len(), fault.name()));
            continue;
        }
        let what = format!("{number}/{} {fault:?}", options.faults.len());
        let cost = suffer(*fault, &mut ground, &mut load, &reader, &nodes).await.with_context(|| what.clone())?;
        say(&format!(
            "{what}: felt for {:.1} s, readers current {:.1} s after its end, longest command {:.1} s",
            cost.felt_for.as_secs_f64(),
            cost.reads_after.as_secs_f64(),
            cost.longest_wait.as_secs_f64()
        ));
        measured.push(cost);
        load.more(CALM).await?;
    }
    let is_real = load.is_real;
    load.finish().await?;
    std::fs::write(evidence.join("faults.json"), serde_json::to_vec_pretty(&measured)?)?;
    let collected = collect(&ground, &evidence, &reader, &nodes).await?;
    let report: Report = check(&collected);
    say(&format!("{report}\nthe evidence is in {}", evidence.display()));
    Ok((Tally { measured, report, is_real, seed: options.load.seed }, collected))
}

/// Two nodes of each role; the first of each reaches the brokers on the one way, the second on the other.
async fn prepare(folder: &Path, services: &Path) -> Result<Ground> {
    let servers = OwnServers::start(services).await?;
    let ways = (0..WAYS).map(|way| servers.on_way(way)).collect::<Result<Vec<_>>>()?;
    let library = clock::library();
    let clocks: Vec<_> = library.iter().flat_map(|_| (1..=NODES).map(|number| folder.join(format!("clock-{number}")))).collect();
    clocks.iter().try_for_each(|file| clock::set(file, 0))?;
    let first = ways.first().context("no way")?;
    let cluster = Cluster::start_adapted(folder, first, NODES, &[], |role, number, node| {
        if let Some(way) = ways.get((number - 1) % ways.len().max(1)) {
            node.set("log.brokers", &way.kafka);
        }
        if let (Some(library), Some(file), "command-api") = (&library, clocks.get(number - 1), role) {
            clock::install(node, library, file);
        }
    });
    let cluster = cluster.await?;
    Ok(Ground { servers, cluster, clocks, held: None })
}

async fn suffer(fault: Fault, ground: &mut Ground, load: &mut Load, reader: &Person, nodes: &Nodes) -> Result<Measured> {
    let began_us = load.progress().now_us();
    fault.inject(ground).await.context("inject")?;
    let injected_us = load.progress().now_us();
    let lasts = tokio::time::sleep(fault.lasts());
    let served = load.wait("every partition serves during the fault", |progress| progress.serves_since(injected_us));
    let (served, ()) = tokio::join!(served, lasts);
    served?;
    fault.heal(ground).await.context("heal")?;
    let healed_us = load.progress().now_us();
    load.wait("every partition serves after the fault", |progress| progress.serves_since(healed_us)).await?;
    let versions = load.progress().versions();
    load.wait("all followers are current", |progress| progress.followed_to(&versions)).await?;
    for node in &nodes.query {
        let mut reader = reader.clone();
        node.clone_into(&mut reader.at.query);
        for (room, version) in &versions {
            let shown = async || reader.query(&format!("/chat/rooms/{room}"), None).await?.success()?.number("/version");
            let current = || async { Ok((shown().await? >= *version).then_some(())) };
            until(&format!("{room} is current at {node}"), LATE, current).await?;
        }
    }
    let current_us = load.progress().now_us();
    let between = |from: u64, to: u64| Duration::from_micros(to.saturating_sub(from));
    Ok(Measured {
        fault,
        began_us,
        healed_us,
        felt_for: load.progress().felt_for(began_us, current_us),
        reads_after: between(healed_us, current_us),
        longest_wait: load.progress().longest_wait(began_us, current_us),
    })
}

async fn collect(ground: &Ground, evidence: &Path, reader: &Person, nodes: &Nodes) -> Result<Evidence> {
    let mut collected = Evidence::journals(evidence)?;
    collected.rooms = collect::rooms(&collected.deeds, reader, &nodes.query).await?;
    collected.log = Some(collect::log(&ground.servers.direct.kafka, &ground.cluster.topic_prefix).await?);
    collected.save(evidence)?;
    ensure!(!collected.deeds.is_empty() && !collected.heard.is_empty(), "nothing was journaled");
    Ok(collected)
}

async fn reader(nodes: &Nodes) -> Result<Person> {
    let first = |nodes: &[String]| nodes.first().cloned().context("no node");
    Person::sign_in(
        &Addresses { command: first(&nodes.command)?, query: first(&nodes.query)?, auth: nodes.auth.clone() },
        "checker",
    )
    .await
}

#[expect(clippy::print_stderr, reason = "a run takes long, and its output is where people look for its progress")]
fn say(line: &str) {
    eprintln!("{line}");
}
