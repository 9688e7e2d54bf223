//! The bounds of a search.

use crate::record::COMMANDS;
use crate::truth::{Ask, Broken};

/// How appends travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As with Kafka's idempotent producer: a session's records arrive in order, but for a first one the broker takes any.
    Ordered,
    /// In any order, so that an earlier record may be lost and a later one not.
    Chaos,
}

/// What becomes of a record that the broker took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// It stays. The searches of everything else begin where Kafka's own promise holds.
    Settled,
    /// `min.insync.replicas=2`: what a leader has alone is neither read nor reported, and vanishes with it.
    TwoInSync,
    /// A mistake: `min.insync.replicas=1`. A leader that is alone in sync commits alone.
    OneInSync,
    /// A mistake: readers go to the end of the leader's log, past the high watermark.
    ReadPastHighWatermark,
}

/// What is left of the bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Claims.
    pub claims: u8,
    /// Crashes of nodes.
    pub crashes: u8,
    /// Time-outs and failed reports.
    pub failures: u8,
    /// Copies of records that the broker takes again.
    pub copies: u8,
    /// Changes of the leader.
    pub elections: u8,
}

/// What is searched.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// How many nodes.
    pub nodes: usize,
    /// What the commands ask for; the last is the probe.
    pub asks: [Ask; COMMANDS],
    /// How many of them clients bring, each as often as they like, to any node.
    pub commands: u8,
    /// Records in the log and on their way together.
    pub records_max: usize,
    /// Records that one node may have in flight when it takes a command.
    pub in_flight_max: usize,
    /// How often what may happen.
    pub budget: Budget,
    /// How appends travel.
    pub network: Network,
    /// What becomes of them.
    pub replicas: Replicas,
    /// Whether every state is asked if somebody can serve from there.
    pub liveness: bool,
    /// What is looked for; nothing for whatever may be broken. A world that is broken otherwise is not followed further.
    pub looks_for: Option<Broken>,
}

impl Scenario {
    /// Its bounds in words.
    #[must_use]
    pub fn bounds(&self) -> String {
        let Self { nodes, records_max, in_flight_max, commands, budget, network, replicas, .. } = self;
        let Budget { claims, crashes, failures, copies, elections } = budget;
        let order = match network {
            Network::Ordered => "in the order of each session",
            Network::Chaos => "in any order",
        };
        let kept = if *replicas == Replicas::Settled { String::new() } else { format!(", {elections} elections of a leader") };
        format!(
            "nodes {nodes}, commands {commands}, records {records_max} {order}, in flight {in_flight_max} a node; \
             at most {claims} claims, {crashes} crashes, {failures} failures, {copies} copies{kept}"
        )
    }
}

pub(crate) const BASE: Scenario = Scenario {
    name: "two nodes, a crash, a failure, five records",
    nodes: 2,
    asks: [Ask::Take, Ask::Take, Ask::Append, Ask::Append],
    commands: 2,
    records_max: 5,
    in_flight_max: 2,
    budget: Budget { claims: 3, crashes: 1, failures: 1, copies: 0, elections: 0 },
    network: Network::Ordered,
    replicas: Replicas::Settled,
    liveness: false,
    looks_for: None,
};
/// A refusal of this may be over before it is given.
pub(crate) const COME_AND_GO: [Ask; COMMANDS] = [Ask::Take, Ask::Release, Ask::Take, Ask::Append];

/// The searches of `./test`: each holds to the end of its bounds, in seconds.
#[must_use]
pub fn quick() -> Vec<Scenario> {
    let budget = Budget { crashes: 0, ..BASE.budget };
    vec![
        BASE,
        Scenario { name: "somebody can always serve again, three records", records_max: 3, liveness: true, ..BASE },
        Scenario {
            name: "four records in any order, and a copy",
            records_max: 4,
            budget: Budget { copies: 1, ..budget },
            network: Network::Chaos,
            ..BASE
        },
        Scenario {
            name: "refusals that come and go, four records",
            asks: COME_AND_GO,
            commands: 3,
            records_max: 4,
            budget,
            ..BASE
        },
        Scenario { name: "three nodes, four records", nodes: 3, records_max: 4, budget, ..BASE },
        Scenario {
            name: "a leader that dies, four records",
            records_max: 4,
            budget: Budget { claims: 2, elections: 1, ..budget },
            replicas: Replicas::TwoInSync,
            ..BASE
        },
    ]
}

/// The searches of `cargo xtask prove model`, besides the quick ones.
#[must_use]
pub fn deep() -> Vec<Scenario> {
    let budget = Budget { crashes: 0, ..BASE.budget };
    vec![
        Scenario { name: "two nodes, a failure, six records", records_max: 6, budget, ..BASE },
        Scenario { name: "somebody can always serve again, four records", records_max: 4, liveness: true, ..BASE },
        Scenario {
            name: "five records in any order, and a copy",
            budget: Budget { copies: 1, ..budget },
            network: Network::Chaos,
            ..BASE
        },
        Scenario {
            name: "three in flight, refusals that come and go, a crash",
            asks: COME_AND_GO,
            commands: 3,
            in_flight_max: 3,
            budget: Budget { claims: 2, crashes: 1, ..budget },
            ..BASE
        },
        Scenario { name: "three nodes, five records", nodes: 3, budget, ..BASE },
        Scenario {
            name: "two leaders that die, a crash, five records",
            budget: Budget { claims: 2, crashes: 1, elections: 2, ..budget },
            replicas: Replicas::TwoInSync,
            ..BASE
        },
    ]
}
