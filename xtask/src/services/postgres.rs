//! Postgres from the distribution's package, durable as in production (`fsync` on).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::Kind;
use super::account::{as_user, data_elsewhere, prepare_home};
use super::process::{Process, answers, complete, free_ports};
use super::state::{Node, State};

/// User, password and database of the test server.
const NAME: &str = "sarangbang";
/// Many suites side by side, each with a pool of its own.
const CONNECTIONS_MAX: u32 = 300;

pub fn plan() -> Result<Vec<Node>> {
    let ports = free_ports(1)?.into_iter().map(|port| ("sql".to_owned(), port)).collect::<BTreeMap<_, _>>();
    Ok(vec![Node { kind: Kind::Postgres, number: 1, ports, data: data_elsewhere("postgres"), process: None }])
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
