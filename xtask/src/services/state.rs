//! What was started, remembered in `state.json` of the set's folder, so that a later call stops exactly that.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Kind;
use super::process::Process;
use clap::ValueEnum;

/// One set of servers. Only one call at a time works on it: the lock file is held as long as this lives.
pub struct State {
    /// Everything of this set is below it, but for data that another user must reach (see [`Node::data`]).
    pub folder: PathBuf,
    /// In the order of their start.
    pub nodes: Vec<Node>,
    _lock: File,
}

/// One server process, running or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Node {
    /// Which server.
    pub kind: Kind,
    /// From 1.
    pub number: u32,
    /// Loopback ports by their role; kept over restarts.
    pub ports: BTreeMap<String, u16>,
    /// Where its data is, if not in the folder of the set.
    #[serde(default)]
    pub data: Option<PathBuf>,
    /// The last process, if it was not killed on purpose.
    pub process: Option<Process>,
}

impl Node {
    /// The port of that role, 0 if it has none.
    pub fn port(&self, role: &str) -> u16 {
        self.ports.get(role).copied().unwrap_or_default()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ports: Vec<String> = self.ports.iter().map(|(role, port)| format!("{role} 127.0.0.1:{port}")).collect();
        formatter.pad(&format!("{:?} {} ({})", self.kind, self.number, ports.join(", ")))
    }
}

impl State {
    /// Reads the set in this folder, waiting for another call that works on it.
    pub fn lock(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock().context("cannot lock the set of servers")?;
        let nodes = match std::fs::read(folder.join("state.json")) {
            Ok(text) => serde_json::from_slice(&text).context("state.json is damaged")?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self { folder, nodes, _lock: lock })
    }

    /// Remembers the set.
    pub fn save(&self) -> Result<()> {
        let partial = self.folder.join("state.json.partial");
        std::fs::write(&partial, serde_json::to_vec_pretty(&self.nodes)?)?;
        Ok(std::fs::rename(partial, self.folder.join("state.json"))?)
    }

    /// Forgets the set and removes its data.
    pub fn remove(&mut self) -> Result<()> {
        for node in &self.nodes {
            let folder = self.node_folder(node);
            let extra = node.data.iter().cloned();
            for gone in extra.chain([folder]).filter(|path| path.exists()) {
                std::fs::remove_dir_all(&gone).with_context(|| format!("cannot remove {}", gone.display()))?;
            }
        }
        self.nodes.clear();
        for file in ["env", "state.json"] {
            match std::fs::remove_file(self.folder.join(file)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// What the tests need to know, as environment variables.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        Kind::value_variants().iter().flat_map(|kind| kind.settings(self)).collect()
    }

    /// Writes `env`: one `NAME=value` a line.
    pub fn write_env(&self) -> Result<PathBuf> {
        let text: String = self.settings().into_iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let file = self.folder.join("env");
        std::fs::write(&file, text)?;
        Ok(file)
    }

    /// The nodes of one server.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.kind == kind)
    }

    /// The index of one node.
    pub fn position(&self, kind: Kind, number: u32) -> Result<usize> {
        let found = self.nodes.iter().position(|node| node.kind == kind && node.number == number);
        found.with_context(|| format!("there is no {kind:?} {number} in {}", self.folder.display()))
    }

    /// The folder of one node: settings, log and (mostly) data.
    pub fn node_folder(&self, node: &Node) -> PathBuf {
        self.folder.join(format!("{:?}-{}", node.kind, node.number).to_lowercase())
    }

    /// Where the node's output goes.
    pub fn log_file(&self, node: &Node) -> PathBuf {
        self.node_folder(node).join("out.log")
    }
}
