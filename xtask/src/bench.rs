//! `cargo xtask bench`: builds the crate `bench` with optimisation, starts the servers it needs, and writes its table with machine and
//! commit to `docs/proofs/`.
//!
//! Dependencies are compiled as the root `Cargo.toml` says for every build (ADR 0009), so that only our own crates are compiled
//! anew; [`build`] counts both and prints it.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde::Deserialize;

use crate::prove::{cargo, complete, machine, today};
use crate::{services, workspace};

/// What our own crates are compiled with: as in a release, but for link-time optimisation.
const PROFILE: &[(&str, &str)] = &[
    ("CARGO_PROFILE_DEV_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_DEV_DEBUG_ASSERTIONS", "false"),
    ("CARGO_PROFILE_DEV_OVERFLOW_CHECKS", "false"),
];
const BUILD: &str = "our crates at opt-level 3, dependencies at 2, no assertions, no link-time optimisation";
/// What stands above the table.
const CLAIM: &str = "Each figure beside its limit: the barest thing that does the same, measured in the same run, in turns (ours, limit, ours, limit \
                     …); medians of five runs. `load` is the machine's one-minute load average after each of them.";

/// `bench` and what follows it.
#[derive(clap::Args)]
pub struct Arguments {
    /// Show that everything runs, in a few seconds a row; the numbers mean nothing and no page is written.
    #[arg(long)]
    quick: bool,
    /// Only the rows with this in their name; no page is written.
    #[arg(long)]
    only: Option<String>,
    /// Only on this log; no page is written.
    #[arg(long, value_enum)]
    on: Option<On>,
}

/// What is measured on.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    /// The embedded log.
    Embedded,
    /// Kafka with one broker.
    Kafka1,
    /// Kafka with three brokers.
    Kafka3,
}

impl On {
    const fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Kafka1 => "kafka1",
            Self::Kafka3 => "kafka3",
        }
    }

    const fn brokers(self) -> u32 {
        match self {
            Self::Embedded => 0,
            Self::Kafka1 => 1,
            Self::Kafka3 => 3,
        }
    }
}

/// Measures, prints, and writes the page of a whole run.
///
/// # Errors
/// When something that it needs is missing, or a row fails. A row that only falls short is no error.
pub fn run(arguments: &Arguments) -> Result<()> {
    build()?;
    let table = workspace::target().join("bench.md");
    std::fs::write(&table, "")?;
    match arguments.on {
        Some(on) => measure(arguments, on, &table)?,
        None => On::value_variants().iter().try_for_each(|on| measure(arguments, *on, &table))?,
    }
    if arguments.quick || arguments.only.is_some() || arguments.on.is_some() {
        return Ok(());
    }
    let about: String = machine(BUILD)?.iter().map(|(what, value)| format!("| {what} | {value} |\n")).collect();
    let page = format!(
        "# Bench\n\n{CLAIM}\n\nRepeat it: `cargo xtask bench`\n\n| what | value |\n|---|---|\n{about}\n{}",
        std::fs::read_to_string(&table)?
    );
    let file = workspace::root().join(format!("docs/proofs/{}-bench.md", today()));
    std::fs::write(&file, page)?;
    println!("{}", file.display());
    Ok(())
}

fn measure(arguments: &Arguments, on: On, table: &Path) -> Result<()> {
    let mut bench = std::process::Command::new(workspace::target().join("debug/bench"));
    bench.current_dir(workspace::root()).args(["--on", on.name(), "--page"]).arg(table);
    bench.args(arguments.quick.then_some("--quick"));
    if let Some(only) = &arguments.only {
        bench.args(["--only", only]);
    }
    if on.brokers() == 0 {
        return complete(&mut bench);
    }
    // One set after the other: brokers that nobody uses take time and memory from those that are measured.
    let folder = workspace::target().join("services-bench");
    services::up(&folder, on.brokers(), &services::LOG_AND_DATABASE)?;
    let measured = services::env(&folder).and_then(|env| complete(bench.envs(env)));
    services::down(&folder)?;
    measured
}

/// Builds `bench`, and the program that some rows start. The whole workspace is named, as `./test` does: another choice of packages would unite other features, and compile
/// dependencies a second time.
fn build() -> Result<()> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        package_id: Option<String>,
        fresh: Option<bool>,
    }
    let mut build = cargo();
    build.args([
        "build",
        "--locked",
        "--workspace",
        "--bin",
        "bench",
        "--bin",
        "sarangbang",
        "--message-format",
        "json-render-diagnostics",
    ]);
    let out = build.envs(PROFILE.iter().copied()).stderr(Stdio::inherit()).output().context("cannot start cargo")?;
    ensure!(out.status.success(), "the bench cannot be built");
    let messages = String::from_utf8_lossy(&out.stdout);
    let compiled = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let compiled = compiled.filter(|message| message.reason == "compiler-artifact" && message.fresh == Some(false));
    let (theirs, ours): (Vec<_>, Vec<_>) =
        compiled.filter_map(|message| message.package_id).partition(|package| package.starts_with("registry+"));
    println!("compiled for the bench: {} crates of ours, {} dependencies", ours.len(), theirs.len());
    Ok(())
}
