//! A small disk that can be full: a `tmpfs` of a few hundred mebibytes, and a file that takes what is left of it.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// The file that fills it.
const BALLAST: &str = "ballast";
const CHUNK_BYTES: usize = 64 * 1024;

/// A mounted disk. Dropping it takes it away, with everything on it.
pub struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts one at `folder`; nothing where one may not mount (that takes root).
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn mount(folder: &Path, mebibytes: u32) -> Result<Option<Self>> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "sarangbang-test"]).arg(folder);
        let mounted = mount.stdout(Stdio::null()).stderr(Stdio::null()).status();
        Ok(mounted.is_ok_and(|status| status.success()).then(|| Self { folder: folder.to_owned() }))
    }

    /// Takes away what a run that was aborted may have left mounted there.
    pub fn release(folder: &Path) {
        // Lazily: a process may still have files open there. Nothing was mounted in most cases.
        let _none = Command::new("umount").arg("-l").arg(folder).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Writes until no byte is left.
    ///
    /// # Errors
    /// When writing fails for another reason.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.folder.join(BALLAST))?;
        for chunk in [CHUNK_BYTES, 1] {
            let bytes = vec![0; chunk];
            loop {
                match ballast.write(&bytes) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// When the ballast cannot be removed.
    pub fn relieve(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.folder.join(BALLAST))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Self::release(&self.folder);
    }
}
