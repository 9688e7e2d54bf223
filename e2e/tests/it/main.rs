//! The scenarios, run against the real program.

mod accounts;
mod acls;
mod big_room;
mod browser;
mod cluster;
mod embedded;
mod faults;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod hostile;
mod import;
mod interrupted;
mod operations;
mod rebuild;
mod registrations;
mod sagas;
mod scale;
mod scenarios;
mod searching;

use std::fs::File;
use std::path::{Path, PathBuf};

/// What a test has while it runs.
struct Stage {
    /// An empty folder of its own, which stays afterwards to be looked at.
    folder: PathBuf,
    _alone: File,
}

/// Prepares a test. One at a time, even when the suite runs twice at once: each starts up to seven processes, has time limits and
/// empties its folder.
async fn stage(scenario: &str) -> anyhow::Result<Stage> {
    let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(tests.join("e2e.lock"))?;
    let alone = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    let folder = e2e::system::folder(tests, scenario)?;
    Ok(Stage { folder, _alone: alone })
}
