//! One process of the real program.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::{Child, Command};

use crate::patience::{LATE, until};

/// How long a token is good, unless a test says otherwise.
const TOKEN_MS: u64 = 43_200_000;
/// Registrations, and failures to sign in, from one address that cost no wait.
const FREE: u32 = 100_000;

/// What to tell a process.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    /// An orderly stop: SIGTERM.
    Terminate,
    /// The end without warning: SIGKILL.
    Kill,
    /// Frozen until [`Signal::Continue`]: SIGSTOP.
    Stop,
    /// Goes on: SIGCONT.
    Continue,
}

/// One node: how to start it, and its process while it runs. Dropping it kills the process.
pub struct Node {
    /// The subcommand: `all` or a role.
    role: String,
    settings: Vec<(String, String)>,
    /// Variables beside the settings.
    environment: Vec<(String, String)>,
    log: PathBuf,
    public: u16,
    internal: u16,
    child: Option<Child>,
}

impl Node {
    /// A node with free ports and its files below `folder`; not started yet. `settings` are `(section.name, value)`.
    ///
    /// # Errors
    /// When no port is free or the folder cannot be made.
    pub fn new(role: &str, name: &str, folder: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let own = folder.join(name);
        std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
        let (public, internal) = (free_port()?, free_port()?);
        let mut all = vec![
            ("node.name".to_owned(), name.to_owned()),
            ("node.data_folder".to_owned(), own.display().to_string()),
            ("node.public_listen".to_owned(), format!("127.0.0.1:{public}")),
            ("node.internal_listen".to_owned(), format!("127.0.0.1:{internal}")),
            // Tests sign in once and last longer than a token does, and all of their people come from one address.
            ("tokens.lifetime_ms".to_owned(), TOKEN_MS.to_string()),
            ("auth.registrations_free".to_owned(), FREE.to_string()),
            ("auth.address_failures_free".to_owned(), FREE.to_string()),
        ];
        all.extend(settings.iter().map(|(setting, value)| ((*setting).to_owned(), value.clone())));
        Ok(Self {
            role: role.to_owned(),
            settings: all,
            environment: Vec::new(),
            log: own.join("out.log"),
            public,
            internal,
            child: None,
        })
    }

    /// `http://…` of the public listener.
    #[must_use]
    pub fn public_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.public)
    }

    /// `http://…` of the internal listener.
    #[must_use]
    pub fn internal_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.internal)
    }

    /// `127.0.0.1:PORT` of the public listener.
    #[must_use]
    pub fn public_address(&self) -> String {
        format!("127.0.0.1:{}", self.public)
    }

    /// `127.0.0.1:PORT` of the internal listener.
    #[must_use]
    pub fn internal_address(&self) -> String {
        format!("127.0.0.1:{}", self.internal)
    }

    /// The value that a setting was given for this node.
    #[must_use]
    pub fn setting(&self, setting: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == setting).map(|(_, value)| value.as_str())
    }

    /// Sets one more setting, or another value, for the next start.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.retain(|(known, _)| known != setting);
        self.settings.push((setting.to_owned(), value.to_owned()));
    }

    /// Sets a variable of the environment that is no setting of the program, for the next start.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the process; does not wait.
    ///
    /// # Errors
    /// When the program is not built.
    pub fn spawn(&mut self) -> Result<()> {
        let out = File::options().create(true).append(true).open(&self.log)?;
        let mut command = self.command(&[&self.role])?;
        command.stdout(out.try_clone()?).stderr(out);
        self.child = Some(command.spawn().context("cannot start sarangbang")?);
        Ok(())
    }

    /// Starts the process and returns when it says that it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready; the error carries the end of its log.
    pub async fn start(&mut self) -> Result<()> {
        self.spawn()?;
        self.ready().await
    }

    /// Returns when the node says that it is ready.
    ///
    /// # Errors
    /// When it ends or does not become ready; the error carries the end of its log.
    pub async fn ready(&mut self) -> Result<()> {
        let url = format!("{}/health/ready", self.internal_url());
        let http = reqwest::Client::new();
        let child = self.child.as_mut().context("the node was not started")?;
        let id = child.id();
        let ready = until("readiness", LATE, || {
            let ended = child.try_wait();
            let asked = http.get(&url).timeout(Duration::from_secs(5)).send();
            async move {
                if let Some(status) = ended? {
                    return Ok(Some(Err(status)));
                }
                Ok(asked.await?.status().is_success().then_some(Ok(())))
            }
        });
        match ready.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(status)) => anyhow::bail!("{} ended at start ({status}):\n{}", self.role, self.log_tail()),
            Err(error) => Err(error.context(format!("{} (pid {id:?}):\n{}", self.role, self.log_tail()))),
        }
    }

    /// Sends a signal to the running process.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.as_ref().and_then(Child::id).context("the node does not run")?;
        let name = match signal {
            Signal::Terminate => "TERM",
            Signal::Kill => "KILL",
            Signal::Stop => "STOP",
            Signal::Continue => "CONT",
        };
        let status = Command::new("sh").arg("-c").arg(format!("kill -s {name} {id}")).status().await?;
        ensure!(status.success(), "cannot send SIG{name} to {id}");
        Ok(())
    }

    /// Ends the process as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the node does not run")?;
        Ok(child.kill().await?)
    }

    /// Asks for an orderly stop and waits for it.
    ///
    /// # Errors
    /// When it takes too long or does not end with success; the error carries the end of the log.
    pub async fn stop(&mut self) -> Result<()> {
        self.signal(Signal::Terminate).await?;
        let mut child = self.child.take().context("the node does not run")?;
        let status =
            tokio::time::timeout(LATE, child.wait()).await.with_context(|| format!("no stop:\n{}", self.log_tail()))??;
        ensure!(status.success(), "the stop ended with {status}:\n{}", self.log_tail());
        Ok(())
    }

    /// Waits until the process has ended by itself, with a failure.
    ///
    /// # Errors
    /// When it goes on, or ends as if all were well.
    pub async fn failed(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the node does not run")?;
        let ended = tokio::time::timeout(LATE, child.wait()).await;
        let status = ended.with_context(|| format!("it goes on:\n{}", self.log_tail()))??;
        ensure!(!status.success(), "it ended with {status}:\n{}", self.log_tail());
        Ok(())
    }

    /// Runs a tool of the program (such as `import`) with this node's settings, to its end. Returns what it wrote to standard output.
    ///
    /// # Errors
    /// When it fails; the error carries what it wrote.
    pub async fn tool(&self, arguments: &[&str], settings: &[(&str, String)]) -> Result<String> {
        let (status, said, complained) = self.tool_outcome(arguments, settings).await?;
        ensure!(status.success(), "sarangbang {arguments:?}: {status}\n{said}\n{complained}");
        Ok(said)
    }

    /// As [`Node::tool`], but a failure is an outcome too: how it ended, and what it wrote to standard output and standard error.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn tool_outcome(&self, arguments: &[&str], settings: &[(&str, String)]) -> Result<(ExitStatus, String, String)> {
        let out = self.piped(arguments, settings)?.output().await?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((out.status, text(out.stdout), text(out.stderr)))
    }

    /// Starts a tool and leaves it running; dropping it kills it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_tool(&self, arguments: &[&str]) -> Result<Child> {
        self.piped(arguments, &[])?.spawn().context("cannot start the tool")
    }

    fn piped(&self, arguments: &[&str], settings: &[(&str, String)]) -> Result<Command> {
        let mut command = self.command(arguments)?;
        command.envs(settings.iter().map(|(setting, value)| (variable(setting), value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// What the node answers at `/metrics`.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn metrics(&self) -> Result<String> {
        let url = format!("{}/metrics", self.internal_url());
        Ok(reqwest::get(url).await?.error_for_status()?.text().await?)
    }

    /// The resident memory of the running process in bytes.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let id = self.child.as_ref().and_then(Child::id)?;
        let statm = std::fs::read_to_string(format!("/proc/{id}/statm")).ok()?;
        statm.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        // What happens to be set where the tests run must not leak into the program.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("SARANGBANG_")) {
            command.env_remove(name);
        }
        command.args(arguments).envs(self.settings.iter().map(|(setting, value)| (variable(setting), value)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Everything that the process wrote.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        let text = std::fs::read(&self.log).with_context(|| format!("cannot read {}", self.log.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The last lines that the process wrote.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(30)..).unwrap_or_default().join("\n")
    }
}

/// The environment variable of a setting.
fn variable(setting: &str) -> String {
    format!("SARANGBANG_{}", setting.replacen('.', "__", 1).to_uppercase())
}

/// The program under test: `SARANGBANG_TEST_BINARY`, else beside the test binaries in the target folder.
fn program() -> Result<PathBuf> {
    if let Some(given) = std::env::var_os("SARANGBANG_TEST_BINARY") {
        return Ok(PathBuf::from(given));
    }
    built("sarangbang")
}

/// A program of this workspace, beside the test binaries in the target folder.
///
/// # Errors
/// When it is not built.
pub fn built(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let mut folders = own.ancestors().skip(1).map(|folder| folder.join(name));
    folders.find(|file| file.is_file()).with_context(|| format!("{name} is not built: cargo build -p server -p xtask"))
}

/// A free port, never the same twice in this process. Not one that the kernel gives to outgoing connections: on a busy machine
/// somebody else would have it before the node listens there.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    const FIRST: u16 = 10_000;
    const PORTS: u16 = 20_000;
    static DRAWN: AtomicU16 = AtomicU16::new(0);
    // Each process of tests begins elsewhere, so that two of them seldom meet.
    let begin = std::process::id().wrapping_mul(97) % u32::from(PORTS);
    for _ in 0..PORTS {
        let place = (begin + u32::from(DRAWN.fetch_add(1, Ordering::Relaxed))) % u32::from(PORTS);
        let port = FIRST + u16::try_from(place)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}
