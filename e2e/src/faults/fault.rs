//! The faults, each as a value.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rand::Rng as _;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};

use super::clock;
use super::database::{self, Hold};
use super::proxy::Way;
use super::servers::{BROKERS, OwnServers, SMALL_BROKER, WAYS};
use crate::process::{Node, Signal};
use crate::system::Cluster;

/// Nodes of each role.
pub const NODES: usize = 2;
/// How much later everything arrives on a slow way; each direction, each packet.
const SLOW: Duration = Duration::from_millis(250);
/// How far a clock is set back.
const BACK_SECONDS: i64 = 3_600;

/// Something that goes wrong. Nodes and ways count from 0, brokers from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// SIGKILL to a command-api.
    KillOwner(usize),
    /// SIGSTOP to a command-api until others own its partitions, then SIGCONT.
    FreezeOwner(usize),
    /// SIGKILL to a projector.
    KillProjector(usize),
    /// SIGKILL to a query-api.
    KillQuery(usize),
    /// SIGKILL to a broker.
    KillBroker(u32),
    /// SIGTERM to a broker.
    StopBroker(u32),
    /// SIGKILL to Postgres.
    KillPostgres,
    /// One node of each role reaches all brokers slowly.
    SlowKafka(usize),
    /// One node of each role does not reach any broker, and what it says arrives afterwards.
    SilentKafka(usize),
    /// The connections of one node of each role to all brokers are closed, and new ones too.
    CutKafka(usize),
    /// Postgres is reached slowly.
    SlowPostgres,
    /// The connections to Postgres are closed, and new ones too.
    CutPostgres,
    /// A broker's disk is full.
    FullBroker,
    /// The clock of a command-api is an hour back.
    ClockBack(usize),
    /// Others took the connections of Postgres.
    FullPostgres,
    /// Somebody holds locks on all tables, so that the services' pools run dry.
    LockedPostgres,
}

/// What faults happen to.
pub struct Ground {
    /// Brokers and database.
    pub servers: OwnServers,
    /// The processes of ours.
    pub cluster: Cluster,
    /// The files that tell each command-api the time.
    pub clocks: Vec<PathBuf>,
    /// What somebody holds in the database.
    pub held: Option<Hold>,
}

impl Fault {
    /// What it is called, whichever node it hits.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::KillOwner(_) => "kill -9 of an owner",
            Self::FreezeOwner(_) => "an owner frozen past its session",
            Self::KillProjector(_) => "kill -9 of a projector",
            Self::KillQuery(_) => "kill -9 of a query node",
            Self::KillBroker(_) => "kill -9 of a broker",
            Self::StopBroker(_) => "a broker stopped and back",
            Self::KillPostgres => "kill -9 of Postgres",
            Self::SlowKafka(_) => "slow connections to Kafka",
            Self::SilentKafka(_) => "silent connections to Kafka",
            Self::CutKafka(_) => "cut connections to Kafka",
            Self::SlowPostgres => "slow connections to Postgres",
            Self::CutPostgres => "cut connections to Postgres",
            Self::FullBroker => "a broker's disk full",
            Self::ClockBack(_) => "an owner's clock an hour back",
            Self::FullPostgres => "Postgres out of connections",
            Self::LockedPostgres => "Postgres locked, pools dry",
        }
    }

    /// Any of them.
    #[must_use]
    pub fn random(random: &mut StdRng) -> Self {
        let (node, broker, way) = (random.random_range(0..NODES), random.random_range(1..=BROKERS), random.random_range(0..WAYS));
        match random.random_range(0..16) {
            0 => Self::KillOwner(node),
            1 => Self::FreezeOwner(node),
            2 => Self::KillProjector(node),
            3 => Self::KillQuery(node),
            4 => Self::KillBroker(broker),
            5 => Self::StopBroker(broker),
            6 => Self::KillPostgres,
            7 => Self::SlowKafka(way),
            8 => Self::SilentKafka(way),
            9 => Self::CutKafka(way),
            10 => Self::SlowPostgres,
            11 => Self::CutPostgres,
            12 => Self::FullBroker,
            13 => Self::ClockBack(node),
            14 => Self::FullPostgres,
            _ => Self::LockedPostgres,
        }
    }

    /// How long it lasts at least. What is over when writing works again lasts no longer than that.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        match self {
            Self::KillOwner(_) | Self::KillProjector(_) | Self::KillQuery(_) | Self::KillBroker(_) | Self::StopBroker(_) => {
                Duration::ZERO
            }
            Self::KillPostgres | Self::FullBroker => Duration::from_secs(3),
            // Longer than the session time-out of 6 s.
            Self::FreezeOwner(_) | Self::SilentKafka(_) | Self::CutKafka(_) => Duration::from_secs(9),
            _ => Duration::from_secs(6),
        }
    }

    /// Whether this machine lets it happen; otherwise why not.
    #[must_use]
    pub fn impossible(self, ground: &Ground) -> Option<&'static str> {
        match self {
            Self::FullBroker if ground.servers.disk.is_none() => Some("a disk can be mounted by root alone"),
            Self::ClockBack(_) if ground.clocks.is_empty() => Some("libfaketime is not installed: apt-get install faketime"),
            _ => None,
        }
    }

    /// Makes it happen.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn inject(self, ground: &mut Ground) -> Result<()> {
        let Ground { servers, cluster, clocks, held } = ground;
        match self {
            Self::KillOwner(node) => of(&mut cluster.command, node)?.kill().await,
            Self::FreezeOwner(node) => of(&mut cluster.command, node)?.signal(Signal::Stop).await,
            Self::KillProjector(node) => of(&mut cluster.projectors, node)?.kill().await,
            Self::KillQuery(node) => of(&mut cluster.query, node)?.kill().await,
            Self::KillBroker(number) => servers.act("kill", "kafka", number).await,
            Self::StopBroker(number) => servers.act("stop", "kafka", number).await,
            Self::KillPostgres => servers.act("kill", "postgres", 1).await,
            Self::SlowKafka(way) => {
                servers.set_kafka(way, Way::Slow(SLOW));
                Ok(())
            }
            Self::SilentKafka(way) => {
                servers.set_kafka(way, Way::Silent);
                Ok(())
            }
            Self::CutKafka(way) => {
                servers.set_kafka(way, Way::Cut);
                Ok(())
            }
            Self::SlowPostgres => {
                servers.set_postgres(Way::Slow(SLOW));
                Ok(())
            }
            Self::CutPostgres => {
                servers.set_postgres(Way::Cut);
                Ok(())
            }
            Self::FullBroker => servers.disk.as_ref().context("no small disk")?.fill(),
            Self::ClockBack(node) => clock::set(clocks.get(node).context("no such clock")?, -BACK_SECONDS),
            Self::FullPostgres => {
                *held = Some(database::take_all(&servers.direct.postgres).await?);
                Ok(())
            }
            Self::LockedPostgres => {
                *held = Some(database::lock_all(&servers.direct.postgres, &cluster.schema).await?);
                Ok(())
            }
        }
    }

    /// Makes it good again; returns when what was gone answers.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn heal(self, ground: &mut Ground) -> Result<()> {
        let Ground { servers, cluster, clocks, held } = ground;
        match self {
            Self::KillOwner(node) => of(&mut cluster.command, node)?.start().await,
            Self::FreezeOwner(node) => of(&mut cluster.command, node)?.signal(Signal::Continue).await,
            Self::KillProjector(node) => of(&mut cluster.projectors, node)?.start().await,
            Self::KillQuery(node) => of(&mut cluster.query, node)?.start().await,
            Self::KillBroker(number) | Self::StopBroker(number) => servers.act("start", "kafka", number).await,
            Self::KillPostgres => servers.act("start", "postgres", 1).await,
            Self::SlowKafka(way) | Self::SilentKafka(way) | Self::CutKafka(way) => {
                servers.set_kafka(way, Way::Open);
                Ok(())
            }
            Self::SlowPostgres | Self::CutPostgres => {
                servers.set_postgres(Way::Open);
                Ok(())
            }
            Self::FullBroker => {
                servers.disk.as_ref().context("no small disk")?.relieve()?;
                // The broker may have ended by itself, or half: it is started anew in any case.
                servers.act("kill", "kafka", SMALL_BROKER).await?;
                servers.act("start", "kafka", SMALL_BROKER).await
            }
            Self::ClockBack(node) => clock::set(clocks.get(node).context("no such clock")?, 0),
            Self::FullPostgres | Self::LockedPostgres => {
                *held = None;
                Ok(())
            }
        }
    }
}

fn of(nodes: &mut [Node], index: usize) -> Result<&mut Node> {
    nodes.get_mut(index).context("no such node")
}
