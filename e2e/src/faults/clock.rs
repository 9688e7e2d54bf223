//! A clock that can be set back for one process alone: Debian's `libfaketime`, told by a file. Waiting is not affected, only what
//! time it is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::Node;

const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The library, where it is installed.
#[must_use]
pub fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.map(|folder| folder.path().join(LIBRARY)).find(|file| file.is_file())
}

/// Makes a node's clock one that [`set`] can change.
pub fn install(node: &mut Node, library: &Path, file: &Path) {
    let (library, file) = (library.display().to_string(), file.display().to_string());
    node.set_variable("LD_PRELOAD", &library);
    node.set_variable("FAKETIME_TIMESTAMP_FILE", &file);
    node.set_variable("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    // The file is looked at again after a second.
    node.set_variable("FAKETIME_CACHE_DURATION", "1");
}

/// Sets the clock so many seconds ahead, or back.
///
/// # Errors
/// When the file cannot be written.
pub fn set(file: &Path, seconds: i64) -> Result<()> {
    let partial = file.with_extension("partial");
    std::fs::write(&partial, format!("{seconds:+}\n"))?;
    // A reader sees the one or the other.
    Ok(std::fs::rename(partial, file)?)
}
