//! One process of the program.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::services::process::Process;

/// How long an answer about its health may take.
const ANSWER: Duration = Duration::from_secs(5);

/// A node of a role, running or not.
#[derive(Clone, Serialize, Deserialize)]
pub struct Member {
    /// Its role, as on the command line.
    pub role: String,
    /// From 1.
    pub number: u32,
    /// The port of its public listener; kept over restarts, as is the other.
    pub public: u16,
    /// The port of its internal listener.
    pub internal: u16,
    /// The last process, if it was not killed on purpose.
    pub process: Option<Process>,
}

impl Member {
    /// One with these two ports.
    pub fn new(role: &str, number: u32, ports: &[u16]) -> Result<Self> {
        let (public, internal) = ports.first().zip(ports.get(1)).context("two ports are needed")?;
        Ok(Self { role: role.to_owned(), number, public: *public, internal: *internal, process: None })
    }

    /// Starts the process; does not wait.
    pub fn start(&self, folder: &Path, program: &Path, configuration: &Path) -> Result<Process> {
        let data = self.data(folder);
        std::fs::create_dir_all(&data)?;
        let mut command = Command::new(program);
        command.arg(&self.role).arg("--config").arg(configuration).arg("--data-folder").arg(&data);
        command.args(["--listen", &format!("127.0.0.1:{}", self.public)]);
        command.args(["--internal-listen", &format!("127.0.0.1:{}", self.internal)]);
        command.args(["--set", &format!("node.name={}-{}", self.role, self.number)]);
        Process::start(command, &self.log(folder))
    }

    /// Returns when it says that it is ready.
    pub fn wait(&self, folder: &Path) -> Result<()> {
        let process = self.process.as_ref().context("not started")?;
        process.wait_until(&self.to_string(), &self.log(folder), || self.is_ready().unwrap_or(false))
    }

    /// Where its output goes.
    pub fn log(&self, folder: &Path) -> PathBuf {
        self.data(folder).join("out.log")
    }

    fn data(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}-{}", self.role, self.number))
    }

    fn is_ready(&self) -> Result<bool> {
        let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, self.internal).into(), ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, number, public, internal, .. } = self;
        formatter.pad(&format!("{role} {number} (127.0.0.1:{public}, internal {internal})"))
    }
}
