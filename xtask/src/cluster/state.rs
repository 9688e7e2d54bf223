//! What was started, remembered in `state.json`, so that a later call stops exactly that.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::member::Member;
use crate::services::process::Process;

/// One arrangement. Only one call at a time works on it: the lock file is held as long as this lives.
#[derive(Serialize, Deserialize)]
pub struct State {
    /// Everything of it is below.
    #[serde(skip)]
    pub folder: PathBuf,
    /// The gateway's port.
    pub port: u16,
    /// The program.
    pub program: PathBuf,
    /// The processes, in the order of their start.
    pub members: Vec<Member>,
    /// nginx's master.
    pub gateway: Option<Process>,
    #[serde(skip)]
    _lock: Option<File>,
}

impl State {
    /// Reads the arrangement in this folder, waiting for another call that works on it.
    pub fn lock(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("cannot lock the arrangement")?;
        let known = match std::fs::read(folder.join("state.json")) {
            Ok(text) => serde_json::from_slice(&text).context("state.json is damaged")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Self { folder: PathBuf::new(), port: 0, program: PathBuf::new(), members: Vec::new(), gateway: None, _lock: None }
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Self { folder, _lock: Some(lock), ..known })
    }

    /// Remembers it.
    pub fn save(&self) -> Result<()> {
        let partial = self.folder.join("state.json.partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::rename(partial, self.folder.join("state.json"))?)
    }

    /// Forgets it, and removes its data.
    pub fn remove(&mut self) -> Result<()> {
        self.members.clear();
        std::fs::remove_dir_all(&self.folder).with_context(|| format!("cannot remove {}", self.folder.display()))
    }

    /// The file of settings.
    pub fn configuration(&self) -> PathBuf {
        self.folder.join("cluster.toml")
    }

    /// One node.
    pub fn member(&mut self, role: &str, number: u32) -> Result<&mut Member> {
        let found = self.members.iter_mut().find(|member| member.role == role && member.number == number);
        found.with_context(|| format!("there is no {role} {number} in {}", self.folder.display()))
    }
}
