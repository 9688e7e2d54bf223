//! Faults on real processes, under load. `cargo xtask prove faults` takes a hundred random ones: `SARANGBANG_FAULTS` and
//! `SARANGBANG_FAULTS_SEED` say how many and which.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::checker::mutation::Mutation;
use e2e::checker::{Evidence, check, collect};
use e2e::faults::disk::SmallDisk;
use e2e::faults::{Fault, Options, run};
use e2e::load::{self, Load, Nodes};
use e2e::person::Person;
use e2e::proof;
use e2e::system::{Embedded, servers};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::stage;

/// What `./test` tries: a minute and a half in all. The projectors' end is in `cluster.rs`.
const HANDFUL: &[Fault] = &[Fault::KillOwner(0), Fault::KillQuery(0), Fault::SilentKafka(1), Fault::KillBroker(1)];
/// How many a proof tries, and with which seed, unless told otherwise.
const RANDOM: usize = 100;
const SEED: u64 = 20_261_125;

/// A moderate load: what is measured is recovery, not speed.
const LOAD: load::Options = load::Options { rooms: 24, writers: 32, pause: Duration::from_millis(500), followers: 6, seed: SEED };

/// The disk of the embedded log.
const SMALL_DISK_MEBIBYTES: u32 = 256;
/// Commands that are acknowledged in peace before a disk is full.
const CALM: usize = 100;
/// When a command has waited that long, the full disk is felt.
const WAITS: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_whatever_fails() -> Result<()> {
    // Servers of its own, since it kills them; but none where the tests do without servers.
    if !proof::is_wanted() && servers()?.is_none() {
        return Ok(());
    }
    let stage = stage("faults").await?;
    let options = options()?;
    let services = Path::new(env!("CARGO_TARGET_TMPDIR")).join("services-faults");
    let (tally, evidence) = run(&stage.folder, &services, &options).await?;
    for (what, value) in tally.rows() {
        said(&format!("{what}: {value}"));
    }
    tally.record()?;
    ensure!(tally.report.is_clean(), "{}", tally.report);
    // And the checker can fail: each defect, put into this very run, is found.
    for mutation in Mutation::ALL {
        let (found, report) = mutation.is_found(&evidence, options.load.seed);
        ensure!(found, "{mutation:?} passes:\n{report}");
    }
    Ok(())
}

/// The embedded log's disk is full, twice: once the program ends by itself, as it must, so that whoever runs it starts it again;
/// once it is killed while the disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_embedded() -> Result<()> {
    let stage = stage("faults-disk").await?;
    // Not below the stage, which is emptied before each run: what is mounted cannot be removed.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small-disk");
    SmallDisk::release(&folder);
    let Some(disk) = SmallDisk::mount(&folder, SMALL_DISK_MEBIBYTES)? else {
        said("skipped: a small disk can be mounted by root alone");
        return Ok(());
    };
    let mut system = Embedded::start(&folder).await?;
    let url = system.node.public_url();
    let nodes = Nodes { command: vec![url.clone()], query: vec![url.clone()], auth: url, from: Vec::new() };
    let journals = stage.folder.join("evidence");
    let mut load = Load::start(&journals, &nodes, &LOAD).await?;
    for is_killed in [false, true] {
        load.more(CALM).await?;
        let full_us = load.progress().now_us();
        disk.fill()?;
        load.wait("commands wait", |progress| progress.longest_wait(full_us, progress.now_us()) > WAITS).await?;
        if is_killed {
            system.node.kill().await?;
        } else {
            system.node.failed().await?;
        }
        disk.relieve()?;
        let relieved_us = load.progress().now_us();
        system.node.start().await?;
        load.wait("every partition serves again", |progress| progress.serves_since(relieved_us)).await?;
        let again = Duration::from_micros(load.progress().now_us() - relieved_us).as_secs_f64();
        let what = if is_killed { "embedded disk full, then kill -9" } else { "embedded disk full" };
        let row = format!("every partition writes again {again:.1} s after there is room");
        said(&format!("{what}: {row}"));
        proof::record(what, &row)?;
    }
    load.more(CALM).await?;
    load.finish().await?;
    let mut evidence = Evidence::journals(&journals)?;
    let reader = Person::sign_in(&system.addresses(), "checker").await?;
    evidence.rooms = collect::rooms(&evidence.deeds, &reader, &nodes.query).await?;
    let report = check(&evidence);
    ensure!(report.is_clean(), "{report}");
    said(&format!("{report}"));
    system.node.stop().await
}

fn options() -> Result<Options> {
    if !proof::is_wanted() {
        return Ok(Options { faults: HANDFUL.to_vec(), load: LOAD });
    }
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().context(text)).transpose();
    let seed = number("SARANGBANG_FAULTS_SEED")?.unwrap_or(SEED);
    let count = number("SARANGBANG_FAULTS")?.map_or(Ok(RANDOM), usize::try_from)?;
    said(&format!("{count} faults with seed {seed}"));
    let mut random = StdRng::seed_from_u64(seed);
    let faults = (0..count).map(|_| Fault::random(&mut random)).collect();
    Ok(Options { faults, load: load::Options { seed, ..LOAD } })
}

#[expect(clippy::print_stderr, reason = "the output of a test is where its numbers are looked for")]
fn said(line: &str) {
    eprintln!("{line}");
}
