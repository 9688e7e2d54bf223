//! The one program: the whole system, each of its roles, and its tools.

mod admin;
mod cli;
mod compose;
mod doctor;
mod documents;
mod health;
mod import;
mod operate;
mod say;
mod settings;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser as _;

use cli::{Cli, Command};
use compose::Role;

/// What one thread allocates, another frees here: a command, its record, the rows that it changes. The system's own allocator goes its slow way
/// then, the slower the longer a node runs (`docs/adr/0029-an-allocator-of-our-own.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long tasks that nobody waits for may take to end with the process.
const LEFTOVERS_DURATION_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            say::progress(&format!("sarangbang: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Openapi => Ok(printed(&documents::text(&documents::openapi()))),
        Command::Asyncapi => Ok(printed(&documents::text(&documents::asyncapi()))),
        Command::Config(options) if options.markdown => Ok(printed(&infra::config::markdown())),
        Command::Config(_) => Ok(printed(&settings::table(&settings::read(&cli.settings)?))),
        Command::Doctor => Ok(runtime()?.block_on(doctor::run(&settings::read(&cli.settings)?))),
        Command::Health => runtime()?.block_on(health::run(&settings::read(&cli.settings)?.config)).map(|()| ExitCode::SUCCESS),
        Command::Import(options) => {
            let loaded = settings::read(&cli.settings)?;
            runtime()?.block_on(import::run(options, &loaded.config)).map(|()| ExitCode::SUCCESS)
        }
        Command::Admin(asked) => {
            let loaded = settings::read(&cli.settings)?;
            runtime()?.block_on(admin::run(asked, &loaded.config)).map(|()| ExitCode::SUCCESS)
        }
        Command::Projections(asked) => {
            let loaded = settings::read(&cli.settings)?;
            runtime()?.block_on(operate::projections(asked, &loaded.config)).map(|()| ExitCode::SUCCESS)
        }
        Command::Parked(asked) => {
            let loaded = settings::read(&cli.settings)?;
            runtime()?.block_on(operate::parked(asked, &loaded.config)).map(|()| ExitCode::SUCCESS)
        }
        Command::All => serve(Role::All, cli),
        Command::CommandApi => serve(Role::CommandApi, cli),
        Command::Projectors => serve(Role::Projectors, cli),
        Command::QueryApi => serve(Role::QueryApi, cli),
        Command::AuthApi => serve(Role::AuthApi, cli),
        Command::Orchestrator => serve(Role::Orchestrator, cli),
        Command::Front => serve(Role::Front, cli),
    }
}

fn printed(text: &str) -> ExitCode {
    say::line(text.trim_end());
    ExitCode::SUCCESS
}

fn serve(role: Role, cli: &Cli) -> Result<ExitCode> {
    let loaded = settings::read(&cli.settings)?;
    // Every socket is an open file, and the soft limit is 1,024 nearly everywhere. A system that refuses leaves it as it is; the
    // doctor warns of a hard limit that is low.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = runtime()?;
    let ended = runtime.block_on(compose::run(role, &loaded));
    // What still waits for a server after the stop must not keep the process.
    runtime.shutdown_timeout(LEFTOVERS_DURATION_MAX);
    ended.map(|()| ExitCode::SUCCESS)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
