//! `cargo xtask fuzz TARGET`: feeds a target bytes for as long as one likes. The crate `fuzz` says how.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// What to fuzz.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which target; a wrong name lists them.
    target: String,
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The seed of an earlier run, to repeat it.
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it.
///
/// # Errors
/// When an input breaks the target; it is kept, and its file named.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["run", "--locked", "--quiet", "--package", "fuzz", "--"]).current_dir(workspace::root());
    command.args([&arguments.target, "--seconds", &arguments.seconds.to_string()]);
    if let Some(seed) = arguments.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    let status = command.status().context("cannot start cargo")?;
    ensure!(status.success(), "{} was broken", arguments.target);
    Ok(())
}
