//! `cargo xtask services`: real servers on loopback, free ports, everything under one folder.
//!
//! Adding a server (nginx, Prometheus): a module with `plan`, `start` and `settings` like [`postgres`], and a
//! variant of [`Kind`] that calls them. Nothing else here knows one server from another.

mod account;
mod elasticsearch;
mod kafka;
mod postgres;
pub mod process;
mod state;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::workspace;
use process::Signal;
use state::{Node, State};

/// `services` and what follows it.
#[derive(clap::Args)]
pub struct Arguments {
    /// The folder of this set of servers, so that several sets can run side by side (default: target/services).
    #[arg(long, global = true)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Start what is not running, wait until it answers, and write `env`.
    Up {
        /// Kafka brokers: 1, or 3 with replication.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3))]
        brokers: u32,
        /// Further listeners of each broker, advertised at a port where nothing listens: for a proxy of yours.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=4))]
        ways: u32,
        /// Only these servers (default: all).
        #[arg(long, value_enum)]
        only: Vec<Kind>,
        /// Not these servers.
        #[arg(long, value_enum)]
        without: Vec<Kind>,
    },
    /// Stop what `up` started, and remove its data.
    Down {
        /// Leave the data in place; the next `up` continues with it.
        #[arg(long)]
        keep: bool,
    },
    /// What runs, where, and how much memory it takes.
    Status,
    /// End one node with SIGKILL.
    Kill {
        /// Which server.
        kind: Kind,
        /// Which of its nodes, from 1.
        number: u32,
    },
    /// End one node in an orderly way.
    Stop {
        /// Which server.
        kind: Kind,
        /// Which of its nodes, from 1.
        number: u32,
    },
    /// Start one node again, on its old port and data.
    Start {
        /// Which server.
        kind: Kind,
        /// Which of its nodes, from 1.
        number: u32,
    },
}

/// The servers that can be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Apache Kafka (`KRaft`).
    Kafka,
    /// `PostgreSQL`.
    Postgres,
    /// Elasticsearch.
    Elasticsearch,
}

/// What the chat itself needs: the log and the databases.
pub const LOG_AND_DATABASE: [Kind; 2] = [Kind::Kafka, Kind::Postgres];

impl Kind {
    /// The nodes to make, with their ports chosen.
    fn plan(self, brokers: u32, ways: u32) -> Result<Vec<Node>> {
        match self {
            Self::Kafka => kafka::plan(brokers, ways),
            Self::Postgres => postgres::plan(),
            Self::Elasticsearch => elasticsearch::plan(),
        }
    }

    /// Prepares the data on the first start, starts the process and returns it; does not wait.
    fn start(self, state: &State, node: &Node) -> Result<process::Process> {
        match self {
            Self::Kafka => kafka::start(state, node),
            Self::Postgres => postgres::start(state, node),
            Self::Elasticsearch => elasticsearch::start(state, node),
        }
    }

    /// Returns when the node answers.
    fn wait(self, state: &State, node: &Node) -> Result<()> {
        match self {
            Self::Kafka => kafka::wait(state, node),
            Self::Postgres => postgres::wait(state, node),
            Self::Elasticsearch => elasticsearch::wait(state, node),
        }
    }

    /// The lines of `env` for these nodes.
    fn settings(self, state: &State) -> Vec<(&'static str, String)> {
        match self {
            Self::Kafka => kafka::settings(state),
            Self::Postgres => postgres::settings(state),
            Self::Elasticsearch => elasticsearch::settings(state),
        }
    }

    /// How to ask for an orderly end.
    const fn stop_signal(self) -> Signal {
        match self {
            Self::Kafka | Self::Elasticsearch => Signal::Terminate,
            // "Fast shutdown": ends open sessions instead of waiting for them.
            Self::Postgres => Signal::Interrupt,
        }
    }
}

/// Runs one action.
///
/// # Errors
/// Says what is missing, or which server did not start and the end of its log.
pub fn run(arguments: Arguments) -> Result<()> {
    let folder = arguments.folder.unwrap_or_else(|| workspace::target().join("services"));
    let mut state = State::lock(&folder)?;
    match arguments.action {
        Action::Up { brokers, ways, only, without } => {
            let mut kinds = if only.is_empty() { Kind::value_variants().to_vec() } else { only };
            kinds.retain(|kind| !without.contains(kind));
            start_set(&mut state, brokers, ways, &kinds)
        }
        Action::Down { keep } => stop_set(&mut state, keep),
        Action::Status => {
            status(&state);
            Ok(())
        }
        Action::Kill { kind, number } => end(&mut state, kind, number, Signal::Kill),
        Action::Stop { kind, number } => end(&mut state, kind, number, kind.stop_signal()),
        Action::Start { kind, number } => {
            let index = state.position(kind, number)?;
            start_all(&mut state, &[index])
        }
    }
}

/// Starts a fresh set of servers of these kinds in `folder`.
///
/// # Errors
/// As [`run`].
pub fn up(folder: &Path, brokers: u32, kinds: &[Kind]) -> Result<()> {
    let mut state = State::lock(folder)?;
    stop_set(&mut state, false)?;
    start_set(&mut state, brokers, 0, kinds)
}

/// Starts what does not run of the set of these kinds in `folder`, and returns its settings.
///
/// # Errors
/// As [`run`].
pub fn ensure(folder: &Path, brokers: u32, kinds: &[Kind]) -> Result<Vec<(&'static str, String)>> {
    let mut state = State::lock(folder)?;
    start_set(&mut state, brokers, 0, kinds)?;
    Ok(state.settings())
}

/// Stops the set in `folder`; its data may stay.
///
/// # Errors
/// As [`run`].
pub fn stop(folder: &Path, keep: bool) -> Result<()> {
    stop_set(&mut State::lock(folder)?, keep)
}

/// Stops the set in `folder` and removes its data.
///
/// # Errors
/// As [`run`].
pub fn down(folder: &Path) -> Result<()> {
    stop(folder, false)
}

/// The settings of the set in `folder`.
///
/// # Errors
/// When the set cannot be read.
pub fn env(folder: &Path) -> Result<Vec<(&'static str, String)>> {
    Ok(State::lock(folder)?.settings())
}

fn start_set(state: &mut State, brokers: u32, ways: u32, kinds: &[Kind]) -> Result<()> {
    anyhow::ensure!(brokers != 2, "two brokers cannot outvote each other: take 1 or 3");
    for &kind in kinds {
        let present = state.of(kind).count();
        if present == 0 {
            state.nodes.extend(kind.plan(brokers, ways)?);
        } else if kind == Kind::Kafka && present != brokers as usize {
            bail!("there is a cluster of {present} in {}: `cargo xtask services down` first", state.folder.display());
        }
    }
    state.save()?;
    let wanted: Vec<usize> = (0..state.nodes.len()).collect();
    start_all(state, &wanted)?;
    let env = state.write_env()?;
    status(state);
    println!("settings for the tests: set -a; . {}; set +a", env.display());
    Ok(())
}

/// Starts those of the nodes that do not run, all at once, then waits for each.
fn start_all(state: &mut State, indices: &[usize]) -> Result<()> {
    let began = Instant::now();
    let mut started = Vec::new();
    for &index in indices {
        let node = state.nodes.get(index).context("no such node")?.clone();
        if node.process.as_ref().is_some_and(process::Process::is_alive) {
            continue;
        }
        let process = node.kind.start(state, &node)?;
        if let Some(node) = state.nodes.get_mut(index) {
            node.process = Some(process);
        }
        // Saved at once: whatever happens next, `down` knows this process.
        state.save()?;
        started.push(index);
    }
    for index in started {
        let node = state.nodes.get(index).context("no such node")?;
        node.kind.wait(state, node)?;
        println!("{node} answers after {:.1} s", began.elapsed().as_secs_f32());
    }
    Ok(())
}

fn stop_set(state: &mut State, keep: bool) -> Result<()> {
    for node in &state.nodes {
        if let Some(process) = &node.process {
            process.signal(node.kind.stop_signal())?;
        }
    }
    for node in &state.nodes {
        if let Some(process) = &node.process {
            process.wait_for_end()?;
            println!("{node} stopped");
        }
    }
    if keep {
        state.nodes.iter_mut().for_each(|node| node.process = None);
        state.save()
    } else {
        state.remove()
    }
}

fn end(state: &mut State, kind: Kind, number: u32, signal: Signal) -> Result<()> {
    let index = state.position(kind, number)?;
    let node = state.nodes.get_mut(index).context("no such node")?;
    let process = node.process.take().with_context(|| format!("{kind:?} {number} was not started"))?;
    process.signal(signal)?;
    process.wait_for_end()?;
    println!("{node} ended by {signal:?}");
    state.save()
}

fn status(state: &State) {
    if state.nodes.is_empty() {
        println!("nothing was started in {}", state.folder.display());
    }
    for node in &state.nodes {
        let running = node.process.as_ref().filter(|process| process.is_alive());
        let what = running.map_or_else(
            || "down".to_owned(),
            |process| format!("pid {} · {} MiB", process.id, process.resident_bytes() / (1024 * 1024)),
        );
        println!("{node:<12} {what} · log {}", state.log_file(node).display());
    }
}
