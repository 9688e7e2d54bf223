//! Secrets in files: made once, whole, and readable by their owner alone.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::KeyFault;
use crate::random;

/// The content of `file`, which is made with what `fresh` says if it is not there.
///
/// # Errors
/// [`KeyFault::File`], and [`KeyFault::Exposed`] where others may read it.
pub fn open_secret(file: &Path, fresh: impl FnOnce() -> String) -> Result<Vec<u8>, KeyFault> {
    let fault = |source| KeyFault::File { path: file.display().to_string(), source };
    if !file.try_exists().map_err(fault)? {
        create(file, &fresh()).map_err(fault)?;
    }
    let mode = fs::metadata(file).map_err(fault)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFault::Exposed { path: file.display().to_string(), mode });
    }
    fs::read(file).map_err(fault)
}

/// Writes the file whole or not at all; where two processes start at once, the first one's stays.
fn create(file: &Path, content: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension(format!("{}.new", random::uuid_v4()));
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    out.write_all(content.as_bytes())?;
    out.sync_all()?;
    let linked = fs::hard_link(&draft, file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}
