//! The gateway on one machine: the files of `nginx/`, with the addresses of services that run here.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// What is the same everywhere.
const FILES: &[(&str, &str)] = &[
    ("nginx.conf", include_str!("../nginx/nginx.conf")),
    ("gateway.conf", include_str!("../nginx/gateway.conf")),
    ("limits.conf", include_str!("../nginx/limits.conf")),
];

/// Where the gateway listens, and where the services are; all as `ADDRESS:PORT`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Where people come in.
    pub listen: String,
    /// The command-api nodes.
    pub command: Vec<String>,
    /// The query-api nodes.
    pub query: Vec<String>,
    /// The orchestrators.
    pub orchestrator: Vec<String>,
    /// The auth-api.
    pub auth: String,
    /// The front.
    pub front: String,
}

impl Gateway {
    /// Writes everything that nginx needs into `folder`; a running nginx takes it up with SIGHUP.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let listen = format!("listen {};\n", self.listen);
        let own = [("listen.conf", listen), ("upstreams.conf", self.upstreams())];
        let files = FILES.iter().map(|(name, text)| (*name, (*text).to_owned())).chain(own);
        for (name, text) in files {
            let file = folder.join(name);
            std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(())
    }

    fn upstreams(&self) -> String {
        let mut text = String::new();
        let one = |address: &String| vec![address.clone()];
        let (auth, front) = (one(&self.auth), one(&self.front));
        let several = [("command_api", &self.command), ("query_api", &self.query), ("orchestrator", &self.orchestrator)];
        for (name, nodes) in several.into_iter().chain([("auth_api", &auth), ("front", &front)]) {
            // The only node of a service is never given up.
            let (stick, fails) =
                if nodes.len() > 1 { ("    ip_hash;\n", "max_fails=2 fail_timeout=5s") } else { ("", "max_fails=0") };
            // Writing to a text cannot fail.
            let _ = write!(text, "upstream {name} {{\n    zone {name} 64k;\n{stick}");
            for node in nodes {
                let _ = writeln!(text, "    server {node} {fails};");
            }
            text.push_str("    keepalive 64;\n}\n");
        }
        text
    }
}

/// nginx itself: Debian puts it where only root looks.
#[must_use]
pub fn program() -> &'static str {
    const DEBIAN: &str = "/usr/sbin/nginx";
    if Path::new(DEBIAN).exists() { DEBIAN } else { "nginx" }
}

/// nginx in the foreground on the files in `folder`; its log lines go to its standard output and error.
#[must_use]
pub fn nginx(folder: &Path) -> Command {
    let mut command = Command::new(program());
    // Root's workers would become `nobody`, who may not reach a folder below a home.
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let directives = if is_root { "daemon off; user root;" } else { "daemon off;" };
    command.args(["-e", "stderr", "-c", "nginx.conf", "-g", directives, "-p"]).arg(folder);
    command
}
