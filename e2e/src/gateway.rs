//! Real nginx with the files of `deploy/nginx`, before whatever a test has started.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use deploy::gateway::{Gateway as Files, nginx, program};
use serde::Deserialize;

use crate::patience::{SOON, until};
use crate::process::free_port;
use crate::system::{Addresses, servers_required};

/// nginx at work. Dropping it ends it.
pub struct Gateway {
    folder: PathBuf,
    files: Files,
    master: Child,
}

/// A line of the gateway's log.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// The client's address.
    pub client: String,
    /// The method.
    pub method: String,
    /// The path, after what the gateway made of it.
    pub path: String,
    /// The status that the client got.
    pub status: u16,
    /// Which nodes were asked, one behind the other with a comma between them.
    pub upstream: String,
}

/// Whether nginx is here.
///
/// # Errors
/// When it is not, although `SARANGBANG_TEST_REQUIRE_SERVERS=1`.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in the output of the tests")]
pub fn is_here() -> Result<bool> {
    let found = Command::new(program()).arg("-v").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    ensure!(found || !servers_required(), "nginx is missing: apt-get install nginx-light");
    if !found {
        eprintln!("skipped: nginx is missing");
    }
    Ok(found)
}

impl Gateway {
    /// Starts it before `services`, on a free port, with its files in `folder`.
    ///
    /// # Errors
    /// When nginx refuses its files, or does not answer.
    pub async fn start(folder: &Path, services: Files) -> Result<Self> {
        let files = Files { listen: format!("127.0.0.1:{}", free_port()?), ..services };
        files.write(folder)?;
        let log = File::create(folder.join("out.log"))?;
        let mut command = nginx(folder);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let gateway = Self { folder: folder.to_owned(), files, master: command.spawn().context("cannot start nginx")? };
        gateway.answers().await?;
        Ok(gateway)
    }

    /// `http://…`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.files.listen)
    }

    /// All kinds of requests go here.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        Addresses { command: self.url(), query: self.url(), auth: self.url() }
    }

    /// Takes up other services, as an operator does it: new files, then SIGHUP. Returns when new workers serve.
    ///
    /// # Errors
    /// When nginx cannot be told, or refuses.
    pub async fn reload(&mut self, services: Files) -> Result<()> {
        self.files = Files { listen: self.files.listen.clone(), ..services };
        self.files.write(&self.folder)?;
        let before = self.workers()?;
        self.signal("HUP")?;
        let renewed = || async { Ok(self.workers()?.iter().any(|worker| !before.contains(worker)).then_some(())) };
        until("new workers", SOON, renewed).await?;
        self.answers().await
    }

    /// What it logged of requests, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn lines(&self) -> Result<Vec<Line>> {
        let text = std::fs::read_to_string(self.folder.join("out.log"))?;
        let lines = text.lines().filter(|line| line.starts_with("{\"time\""));
        lines.map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    async fn answers(&self) -> Result<()> {
        let health = format!("{}/gateway/health", self.url());
        let asked = || async { Ok(reqwest::get(&health).await?.status().is_success().then_some(())) };
        let log = || std::fs::read_to_string(self.folder.join("out.log")).unwrap_or_default();
        until("the gateway", SOON, asked).await.with_context(log)
    }

    /// The processes that serve.
    fn workers(&self) -> Result<Vec<String>> {
        let id = self.master.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        Ok(children.split_whitespace().map(str::to_owned).collect())
    }

    fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("sh").arg("-c").arg(format!("kill -s {name} {}", self.master.id())).status()?;
        ensure!(status.success(), "cannot send SIG{name} to nginx");
        Ok(())
    }
}

impl Drop for Gateway {
    /// In an orderly way: workers whose master was killed would go on.
    fn drop(&mut self) {
        if self.signal("TERM").is_err() || self.master.wait().is_err() {
            let _gone = self.master.kill();
        }
    }
}
