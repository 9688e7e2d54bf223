//! The long form: `cargo xtask prove model` names a file in `SARANGBANG_PROOF`, and makes a page of what is written there.

use std::fs::OpenOptions;
use std::io::Write as _;

const FILE: &str = "SARANGBANG_PROOF";

/// Whether the full size is wanted.
pub fn is_wanted() -> bool {
    std::env::var_os(FILE).is_some()
}

/// Writes one row of the page, if a page is being made.
pub fn record(what: &str, value: &str) -> std::io::Result<()> {
    let Some(file) = std::env::var_os(FILE) else { return Ok(()) };
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(file, "{}", serde_json::to_string(&[what, value])?)
}
