//! The scenarios, run against the real program.

mod browser;
mod cluster;
mod embedded;
mod import;
mod scenarios;

use std::path::{Path, PathBuf};

/// An empty folder for one scenario.
fn folder(scenario: &str) -> anyhow::Result<PathBuf> {
    e2e::system::folder(Path::new(env!("CARGO_TARGET_TMPDIR")), scenario)
}
