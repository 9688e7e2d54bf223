//! The scenarios, run against the real program.

mod browser;
mod cluster;
mod embedded;
mod import;
mod scenarios;

use std::path::{Path, PathBuf};

use tokio::sync::{Mutex, MutexGuard};

/// What a test has while it runs.
struct Stage {
    /// An empty folder of its own, which stays afterwards to be looked at.
    folder: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

/// Prepares a test. One at a time: each starts up to seven processes and has time limits, and test machines have two cores.
async fn stage(scenario: &str) -> anyhow::Result<Stage> {
    static STAGE: Mutex<()> = Mutex::const_new(());
    let alone = STAGE.lock().await;
    let folder = e2e::system::folder(Path::new(env!("CARGO_TARGET_TMPDIR")), scenario)?;
    Ok(Stage { folder, _alone: alone })
}
