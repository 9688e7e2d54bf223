//! Checks and developer tasks, run as `cargo xtask …`.
//!
//! Adding a task: write a module with one function that returns `anyhow::Result<()>`, add a variant to [`Task`] and a line to `main`.
#![expect(clippy::print_stdout, reason = "a command-line tool talks to its user on standard output")]

mod architecture;
mod bench;
mod cluster;
mod fuzz;
mod licences;
mod prove;
mod services;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of Sarangbang.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure every figure beside its limit, and write the page to docs/proofs/.
    Bench(bench::Arguments),
    /// Real Kafka and Postgres on loopback, for tests and a developer's day.
    Services(services::Arguments),
    /// The whole arrangement on one machine: nginx before two nodes of each role, on Kafka and Postgres.
    Cluster(cluster::Arguments),
    /// Dependency directions, long files, silenced lints, documents that point to nothing.
    CheckArchitecture,
    /// Licences and sources of the crates we build with.
    CheckLicences,
    /// Feed what reads bytes of others with bytes that nobody chose.
    Fuzz(fuzz::Arguments),
    /// Run a long proof and write its page to docs/proofs/.
    Prove {
        /// Which one; a wrong name lists them.
        name: String,
    },
}

#[expect(clippy::print_stderr, reason = "a command-line tool complains on standard error")]
fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Bench(arguments) => bench::run(&arguments),
        Task::Cluster(arguments) => cluster::run(arguments),
        Task::CheckArchitecture => architecture::run(),
        Task::CheckLicences => licences::run(),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Prove { name } => prove::run(&name),
        Task::Services(arguments) => services::run(arguments),
    }
}
