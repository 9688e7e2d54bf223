//! `cargo xtask check-architecture`: the rules of the house that no compiler holds.
//!
//! Each rule is a pure function from what was read to what breaks it, so that a test can show it a violation.

mod dependencies;
mod documents;
mod metrics;
mod sources;

use anyhow::{Result, ensure};

/// Checks everything and prints every violation.
///
/// # Errors
/// When there is one, or the workspace cannot be read.
pub fn run() -> Result<()> {
    let crates = dependencies::read()?;
    let files = sources::read()?;
    let mut violations = dependencies::violations(&crates);
    violations.extend(files.iter().flat_map(sources::violations));
    let repository = documents::read()?;
    violations.extend(documents::violations(&repository));
    violations.extend(metrics::violations(&repository));
    for violation in &violations {
        println!("{violation}");
    }
    ensure!(violations.is_empty(), "{} violations of the architecture", violations.len());
    println!("architecture: {} crates and {} files keep the rules", crates.len(), files.len());
    Ok(())
}
