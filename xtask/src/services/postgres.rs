//! Postgres from the distribution's package, durable as in production (`fsync` on).

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Kind;
use super::process::{Process, answers, complete, free_ports};
use super::state::{Node, State};

/// User, password and database of the test server.
const NAME: &str = "sarangbang";
/// Many suites side by side, each with a pool of its own.
const CONNECTIONS_MAX: u32 = 300;

pub fn plan() -> Result<Vec<Node>> {
    let ports = free_ports(1)?.into_iter().map(|port| ("sql".to_owned(), port)).collect::<BTreeMap<_, _>>();
    Ok(vec![Node { kind: Kind::Postgres, number: 1, ports, data: data_elsewhere(), process: None }])
}

pub fn start(state: &State, node: &Node) -> Result<Process> {
    let folder = state.node_folder(node);
    std::fs::create_dir_all(&folder)?;
    let home = node.data.clone().unwrap_or_else(|| folder.join("home"));
    let data = home.join("data");
    let bin = programs()?;
    if !data.join("PG_VERSION").exists() {
        prepare_home(&home)?;
        let password = home.join("password");
        std::fs::write(&password, NAME)?;
        let mut initdb = as_user(&bin.join("initdb"), &home)?;
        initdb.arg("-D").arg(&data).args(["-U", NAME, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]);
        initdb.arg(format!("--pwfile={}", password.display()));
        complete(initdb, &folder.join("initdb.log"))?;
    }
    let mut server = as_user(&bin.join("postgres"), &home)?;
    server.arg("-D").arg(&data).args(["-p", &node.port("sql").to_string()]);
    let connections = format!("max_connections={CONNECTIONS_MAX}");
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "shared_buffers=128MB", &connections] {
        server.args(["-c", setting]);
    }
    Process::start(server, &state.log_file(node))
}

/// Ready when it answers and our database is there.
pub fn wait(state: &State, node: &Node) -> Result<()> {
    let process = node.process.as_ref().context("not started")?;
    let log = state.log_file(node);
    process.wait_until("postgres", &log, || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        text.contains("database system is ready to accept connections") && answers(node.port("sql"))
    })?;
    let psql = |sql: &str| {
        let mut client = Command::new(programs()?.join("psql"));
        client.env("PGPASSWORD", NAME).args(["-h", "127.0.0.1", "-p", &node.port("sql").to_string()]);
        client.args(["-U", NAME, "-d", "postgres", "-X", "-A", "-t", "-c", sql]);
        let out = client.output().context("cannot start psql")?;
        anyhow::ensure!(out.status.success(), "psql: {}", String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    if psql(&format!("select count(*) from pg_database where datname = '{NAME}'"))? == "0" {
        psql(&format!("create database {NAME}"))?;
    }
    Ok(())
}

pub fn settings(state: &State) -> Vec<(&'static str, String)> {
    let url = |node: &Node| format!("postgres://{NAME}:{NAME}@127.0.0.1:{}/{NAME}", node.port("sql"));
    state.of(Kind::Postgres).map(|node| ("SARANGBANG_TEST_POSTGRES", url(node))).collect()
}

/// Debian puts the server's programs outside PATH, one folder a version; take the newest.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let numbered =
        versions.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))));
    let newest = numbered.filter(|(_, bin)| bin.join("initdb").exists()).max().map(|(_, bin)| bin);
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
    };
    newest.or_else(on_path).context("Postgres is missing: apt-get install postgresql")
}

/// A command that runs as somebody who is not root: Postgres refuses root.
fn as_user(program: &Path, home: &Path) -> Result<Command> {
    let mut command = Command::new(program);
    command.current_dir(home);
    if let Some((uid, gid)) = unprivileged()? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

/// Uid and gid of `postgres`, else `nobody`; `None` if we are not root ourselves.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    if !is_root() {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        let fields: Vec<&str> = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    let user = find("postgres").or_else(|| find("nobody"));
    user.map(Some).context("running as root, and neither the user postgres nor nobody exists")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// As root the server runs as another user, who may not reach a checkout below /root: then the data goes to the temporary folder.
fn data_elsewhere() -> Option<PathBuf> {
    let target = crate::workspace::target();
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    let reachable = target.ancestors().all(open);
    (is_root() && !reachable).then(|| std::env::temp_dir().join(format!("sarangbang-postgres-{}", std::process::id())))
}

fn prepare_home(home: &Path) -> Result<()> {
    std::fs::create_dir_all(home)?;
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o755))?;
    if let Some((uid, gid)) = unprivileged()? {
        std::os::unix::fs::chown(home, Some(uid), Some(gid))?;
    }
    Ok(())
}
