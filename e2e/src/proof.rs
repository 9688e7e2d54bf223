//! The long form of a test: `cargo xtask prove NAME` sets `SARANGBANG_PROOF` to a file, runs the test in full size, and makes
//! a dated page of what the test records there.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Result;
use serde_json::json;

const FILE: &str = "SARANGBANG_PROOF";

/// Whether the full size is wanted.
#[must_use]
pub fn is_wanted() -> bool {
    std::env::var_os(FILE).is_some()
}

/// Records one line of the page, if a page is being made.
///
/// # Errors
/// When the file cannot be written.
pub fn record(what: &str, value: &str) -> Result<()> {
    let Some(file) = std::env::var_os(FILE) else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    Ok(writeln!(file, "{}", json!([what, value]))?)
}
