//! Brokers and a database of one's own, to be killed at will, with proxies on the ways to them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::disk::SmallDisk;
use super::proxy::{Proxy, Way};
use crate::patience::{LATE, until};
use crate::process::built;
use crate::system::Servers;

/// The brokers.
pub const BROKERS: u32 = 3;
/// Ways to the brokers: what happens on one does not happen on the other.
pub const WAYS: usize = 2;
/// The broker whose disk is small; only that one's can be filled.
pub const SMALL_BROKER: u32 = 3;
const SMALL_DISK_MEBIBYTES: u32 = 384;

/// A set of servers of `cargo xtask services`. Dropping it stops them and removes their data.
pub struct OwnServers {
    folder: PathBuf,
    /// One for each way and broker.
    kafka: Vec<Vec<Proxy>>,
    postgres: Proxy,
    /// Past all proxies.
    pub direct: Servers,
    /// The disk of [`SMALL_BROKER`], where this machine lets us mount one.
    pub disk: Option<SmallDisk>,
}

impl OwnServers {
    /// Starts a fresh set in `folder`.
    ///
    /// # Errors
    /// When something is missing, or does not start.
    pub async fn start(folder: &Path) -> Result<Self> {
        let data = folder.join(format!("kafka-{SMALL_BROKER}")).join("data");
        SmallDisk::release(&data);
        services(folder, &["down"]).await?;
        let disk = SmallDisk::mount(&data, SMALL_DISK_MEBIBYTES)?;
        let (brokers, ways) = (BROKERS.to_string(), WAYS.to_string());
        if let Err(error) = services(folder, &["up", "--brokers", &brokers, "--ways", &ways, "--without", "elasticsearch"]).await
        {
            drop(disk);
            services(folder, &["down"]).await?;
            return Err(error);
        }
        let env = std::fs::read_to_string(folder.join("env"))?;
        let setting = |name: &str| {
            let lines = env.lines().filter_map(|line| line.split_once('='));
            lines.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned()).next_back().context(name.to_owned())
        };
        let direct = Servers { kafka: setting("SARANGBANG_TEST_KAFKA")?, postgres: setting("SARANGBANG_TEST_POSTGRES")? };
        let port = |text: &str| -> Result<u16> { Ok(text.parse()?) };
        let mut kafka = Vec::new();
        for way in setting("SARANGBANG_TEST_KAFKA_WAYS")?.split('/') {
            let mut proxies = Vec::new();
            for broker in way.split(',') {
                let (advertised, behind) = broker.split_once(':').context("no pair of ports")?;
                proxies.push(Proxy::start(port(advertised)?, port(behind)?).await?);
            }
            kafka.push(proxies);
        }
        let database = direct.postgres.rsplit_once('/').and_then(|(rest, _)| rest.rsplit_once(':')).context("no port")?.1;
        let postgres = Proxy::start(0, port(database)?).await?;
        Ok(Self { folder: folder.to_owned(), kafka, postgres, direct, disk })
    }

    /// The servers as they are reached on one way.
    ///
    /// # Errors
    /// When there is no such way.
    pub fn on_way(&self, way: usize) -> Result<Servers> {
        let proxies = self.kafka.get(way).context("no such way")?;
        let kafka: Vec<String> = proxies.iter().map(|proxy| format!("127.0.0.1:{}", proxy.port)).collect();
        let (rest, name) = self.direct.postgres.rsplit_once('/').context("no database")?;
        let (address, _) = rest.rsplit_once(':').context("no port")?;
        Ok(Servers { kafka: kafka.join(","), postgres: format!("{address}:{}/{name}", self.postgres.port) })
    }

    /// Changes a way to all brokers.
    pub fn set_kafka(&self, number: usize, way: Way) {
        self.kafka.get(number).into_iter().flatten().for_each(|proxy| proxy.set(way));
    }

    /// Changes the way to Postgres.
    pub fn set_postgres(&self, way: Way) {
        self.postgres.set(way);
    }

    /// Does something to one server: `kill`, `stop` or `start`; `start` returns when it answers.
    ///
    /// # Errors
    /// When it fails.
    pub async fn act(&self, action: &str, kind: &str, number: u32) -> Result<()> {
        let number = number.to_string();
        let arguments = [action, kind, &number];
        if action != "start" {
            return services(&self.folder, &arguments).await;
        }
        // The remains of a killed server may still be going, and hold its lock file.
        let started = || async { services(&self.folder, &arguments).await.map(Some) };
        until(&format!("{kind} {number}"), LATE, started).await
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        // The mount must be gone before its folder can be removed.
        drop(self.disk.take());
        let Ok(xtask) = built("xtask") else { return };
        // Nothing more can be done about a failure than what `up` does the next time: it stops what it finds.
        let _stopped = std::process::Command::new(xtask)
            .args(["services", "down", "--folder"])
            .arg(&self.folder)
            .stdout(Stdio::null())
            .status();
    }
}

async fn services(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(built("xtask")?);
    command.arg("services").args(arguments).arg("--folder").arg(folder).stdin(Stdio::null());
    let out = command.output().await.context("cannot start xtask")?;
    ensure!(out.status.success(), "xtask services {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    Ok(())
}
