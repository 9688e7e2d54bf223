//! What this machine offers: folder, disk, addresses, open files, clock, secrets.

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use infra::clock::{Clock as _, SystemClock};
use infra::config::{Config, LogKind};
use tokio::net::TcpListener;
use tokio::process::Command;

use super::Finding;
use crate::compose::{self, secrets};

/// Less free space than this is warned about.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Fewer open files than this are warned about: sockets and the embedded stores need them.
const OPEN_FILES_MIN: u64 = 4_096;
/// How long an address of ours may take to answer.
const ANSWER_DURATION_MAX: Duration = Duration::from_secs(2);
/// A clock before this is wrong: 2025-01-01.
const CLOCK_MIN_MS: i64 = 1_735_689_600_000;

/// Everything on this machine.
pub async fn look(config: &Config) -> Vec<Finding> {
    let running = answers(&config.node.internal_listen).await;
    vec![
        address("public", &config.node.public_listen, "--listen", running).await,
        address("internal", &config.node.internal_listen, "--internal-listen", running).await,
        folder(&config.node.data_folder),
        space(&config.node.data_folder).await,
        embedded_log(config, running).await,
        secret("sealing key", &secrets::of_sealing(config), config),
        secret("service secret", &secrets::of_services(config), config),
        open_files(&std::fs::read_to_string("/proc/self/limits").unwrap_or_default()),
        clock(SystemClock.now().as_millis()),
    ]
}

/// Whether a process of ours answers there.
async fn answers(internal: &str) -> bool {
    let asked =
        async { reqwest::Client::new().get(format!("http://{internal}/health/live")).send().await.ok()?.error_for_status().ok() };
    tokio::time::timeout(ANSWER_DURATION_MAX, asked).await.is_ok_and(|answer| answer.is_some())
}

async fn address(what: &'static str, address: &str, flag: &str, running: bool) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_) => Finding::ok(what, format!("{address} is free")),
        Err(_) if running => Finding::ok(what, format!("{address}: Sarangbang runs here")),
        Err(error) => Finding::fail(what, format!("{address}: {error}; stop what is there, or take another address with {flag}")),
    }
}

fn folder(folder: &Path) -> Finding {
    let shown = folder.display();
    // The nearest folder that is there already decides whether the others can be made in it.
    let Some(there) =
        folder.ancestors().map(|at| if at.as_os_str().is_empty() { Path::new(".") } else { at }).find(|at| at.exists())
    else {
        return Finding::fail("data folder", format!("{shown} and all folders above it are missing; set node.data_folder"));
    };
    if tempfile_in(there).is_err() {
        return Finding::fail(
            "data folder",
            format!("{} cannot be written; set node.data_folder to a folder that can", there.display()),
        );
    }
    let state = if folder.exists() { "is there" } else { "will be made at the first start" };
    Finding::ok("data folder", format!("{shown} {state}"))
}

/// Writes and removes an empty file: permissions alone do not tell of a read-only disk.
fn tempfile_in(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".sarangbang-doctor-{}", infra::random::uuid_v4()));
    std::fs::File::create_new(&file)?;
    std::fs::remove_file(file)
}

async fn space(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|at| at.exists()).unwrap_or_else(|| Path::new("."));
    let asked = Command::new("df").arg("-Pk").arg(there).output().await;
    let text = asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    match free_bytes(&text) {
        Some(bytes) if bytes < FREE_BYTES_MIN => Finding::warn(
            "disk",
            format!("{} MiB are free at {}; the log keeps everything for ever", bytes >> 20, there.display()),
        ),
        Some(bytes) => Finding::ok("disk", format!("{} GiB are free", bytes >> 30)),
        None => Finding::warn("disk", "how much is free could not be told (`df -Pk`)"),
    }
}

/// The fourth column of the second line of `df -Pk`.
fn free_bytes(df: &str) -> Option<u64> {
    df.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

async fn embedded_log(config: &Config, running: bool) -> Finding {
    const WHAT: &str = "log";
    if config.log.kind != LogKind::Embedded {
        return Finding::ok(WHAT, "Kafka, below");
    }
    let folder = config.node.data_folder.join("log");
    if running {
        return Finding::ok(WHAT, format!("embedded in {}, in use by the process that runs here", folder.display()));
    }
    if !folder.exists() {
        return Finding::ok(WHAT, format!("embedded, will be made in {}", folder.display()));
    }
    let (path, options) = (folder.clone(), compose::embedded_log(config));
    match tokio::task::spawn_blocking(move || infra::log::embedded::open(&path, options).map(drop)).await {
        Ok(Ok(())) => Finding::ok(WHAT, format!("embedded in {}, can be opened", folder.display())),
        Ok(Err(fault)) => Finding::fail(WHAT, format!("embedded in {}: {fault}", folder.display())),
        Err(error) => Finding::fail(WHAT, format!("embedded in {}: {error}", folder.display())),
    }
}

/// Both secrets, on a machine where they are used: the one with auth-api.
fn secret(what: &'static str, secret: &secrets::Secret, config: &Config) -> Finding {
    let (file, setting) = (secret.file.display(), secret.setting);
    match std::fs::metadata(&secret.file) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            Finding::fail(what, format!("others may read {file}; run: chmod 600 {file}"))
        }
        Ok(_) if secret.given || !config.production() => Finding::ok(what, format!("{file} is there, for its owner alone")),
        _ if config.tokens.jwks_url.is_some() && !secret.given => Finding::ok(what, "none here; auth-api is elsewhere"),
        _ if config.production() && !secret.given => {
            Finding::fail(what, format!("none is named; production makes up no secret (set {setting})"))
        }
        Err(error) if secret.given && error.kind() != ErrorKind::NotFound => {
            Finding::fail(what, format!("{file} cannot be read: {error}; check {setting}"))
        }
        _ if secret.given && config.production() => Finding::fail(what, format!("{file} is not there; check {setting}")),
        _ => Finding::ok(what, format!("will be made in {file}")),
    }
}

fn open_files(limits: &str) -> Finding {
    const WHAT: &str = "open files";
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    // The hard limit: a service raises the soft one to it when it starts.
    match line.and_then(|line| line.split_whitespace().nth(1)) {
        Some("unlimited") => Finding::ok(WHAT, "no limit"),
        Some(text) => match text.parse::<u64>() {
            Ok(limit) if limit >= OPEN_FILES_MIN => Finding::ok(WHAT, format!("up to {limit}")),
            _ => Finding::warn(WHAT, format!("up to {text}; with many sockets allow more: ulimit -n 65536")),
        },
        None => Finding::warn(WHAT, "the limit could not be told (/proc/self/limits)"),
    }
}

fn clock(now_ms: i64) -> Finding {
    if now_ms < CLOCK_MIN_MS {
        return Finding::fail(
            "clock",
            "it is before 2025 here; tokens and times would be wrong: set it (timedatectl set-ntp true)",
        );
    }
    let now = domain::Timestamp::from_millis(now_ms).unwrap_or_default();
    Finding::ok("clock", format!("{now}; nothing rests on it being exact, but tokens on it being about right"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn limits_and_space_are_read_as_the_system_tells_them() {
        let limits =
            |number: &str| format!("Limit  Soft Limit  Hard Limit  Units\nMax open files            1024  {number}  files\n");
        assert_eq!(open_files(&limits("65536")).level, Level::Ok);
        assert_eq!(open_files(&limits("unlimited")).level, Level::Ok);
        assert_eq!(open_files(&limits("1024")).level, Level::Warn);
        assert_eq!(open_files("").level, Level::Warn);
        let df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 100 40 60 40% /\n";
        assert_eq!(free_bytes(df), Some(60 << 10));
        assert_eq!(free_bytes("?"), None);
    }

    #[test]
    fn folders_and_clocks_that_cannot_work_are_failures() {
        assert_eq!(folder(Path::new("/proc/nowhere/at/all")).level, Level::Fail);
        let own = tempfile::tempdir().unwrap();
        assert_eq!(folder(&own.path().join("new/data")).level, Level::Ok);
        assert_eq!(std::fs::read_dir(own.path()).unwrap().count(), 0, "nothing is left behind");
        assert_eq!(clock(0).level, Level::Fail);
        assert_eq!(clock(CLOCK_MIN_MS + 1).level, Level::Ok);
    }

    #[tokio::test]
    async fn a_port_that_somebody_else_has_is_a_failure() {
        let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taken = other.local_addr().unwrap().to_string();
        assert_eq!(address("public", &taken, "--listen", false).await.level, Level::Fail);
        assert!(!answers("127.0.0.1:1").await);
    }
}
