//! The inputs that a run begins with, and where findings are kept.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The committed inputs of a target, in the order of their names.
///
/// # Errors
/// When there are none.
pub fn read(target: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    ensure!(!files.is_empty(), "{} is empty", folder.display());
    let read = |file: PathBuf| -> Result<(String, Vec<u8>)> {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, std::fs::read(file)?))
    };
    files.into_iter().map(read).collect()
}

/// Keeps an input that breaks a target, below the target folder of cargo; returns the file.
///
/// # Errors
/// When it cannot be written.
pub fn keep_finding(target: &str, input: &[u8]) -> Result<PathBuf> {
    let folder = std::env::current_exe()?.ancestors().nth(3).context("no target folder")?.join("fuzz").join(target);
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{:016x}", crate::targets::digest(input)));
    std::fs::write(&file, input)?;
    Ok(file)
}
