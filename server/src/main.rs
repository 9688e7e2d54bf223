//! The one program: the whole system, each of its roles, and its tools.

mod cli;
mod import;
mod say;
mod settings;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say::progress(&format!("sarangbang: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    if let Command::Config(options) = &cli.command {
        let text = if options.markdown { infra::config::markdown() } else { settings::table(&settings::read(&cli.settings)?) };
        say::line(text.trim_end());
        return Ok(());
    }
    let loaded = settings::read(&cli.settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &cli.command {
            Command::Import(options) => import::run(options, &loaded.config).await,
            _ => Ok(()),
        }
    })
}
