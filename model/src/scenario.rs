//! The bounds of a search.

use crate::mutant::Mutant;
use crate::truth::Ask;
use crate::world::{Budget, COMMANDS};

/// How appends travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// As with Kafka's idempotent producer: a session's records arrive in order, but for a first one the broker takes any.
    Ordered,
    /// In any order.
    Chaos,
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
    /// How many of them clients bring.
    pub commands: usize,
    /// Records in the log and on their way together.
    pub records_max: usize,
    /// Records that one node may have in flight.
    pub in_flight_max: usize,
    /// How often what may happen.
    pub budget: Budget,
    /// How appends travel.
    pub network: Network,
    /// Whether every state is asked if somebody can serve from there.
    pub liveness: bool,
    /// The mistake under test.
    pub mutant: Option<Mutant>,
}

const BASE: Scenario = Scenario {
    name: "two nodes, crash and time-out, five records",
    nodes: 2,
    asks: [Ask::Take, Ask::Take, Ask::Append, Ask::Append],
    commands: 2,
    records_max: 5,
    in_flight_max: 2,
    budget: Budget { claims: 3, crashes: 1, doubts: 1, copies: 0 },
    network: Network::Ordered,
    liveness: false,
    mutant: None,
};

/// The searches of `./test`: each holds to the end of its bounds, in seconds.
#[must_use]
pub fn quick() -> Vec<Scenario> {
    vec![
        Scenario { name: "two nodes, crash and time-out, four records", records_max: 4, ..BASE },
        Scenario {
            name: "two nodes, time-out, five records",
            budget: Budget { claims: 2, crashes: 0, doubts: 1, copies: 0 },
            ..BASE
        },
        Scenario { name: "somebody can always serve again", records_max: 3, liveness: true, ..BASE },
        Scenario {
            name: "appends in any order, and copies",
            records_max: 4,
            budget: Budget { claims: 2, crashes: 0, doubts: 1, copies: 1 },
            network: Network::Chaos,
            ..BASE
        },
        Scenario {
            name: "refusals that come and go",
            asks: [Ask::Take, Ask::Release, Ask::Take, Ask::Append],
            commands: 3,
            records_max: 4,
            budget: Budget { claims: 2, crashes: 0, doubts: 1, copies: 0 },
            ..BASE
        },
        Scenario {
            name: "three nodes",
            nodes: 3,
            records_max: 4,
            budget: Budget { claims: 3, crashes: 0, doubts: 1, copies: 0 },
            ..BASE
        },
    ]
}

/// The searches of `cargo xtask prove model`: minutes.
#[must_use]
pub fn deep() -> Vec<Scenario> {
    let chaos = |scenario: Scenario| Scenario { network: Network::Chaos, ..scenario };
    vec![
        BASE,
        Scenario {
            name: "two nodes, time-out, six records",
            records_max: 6,
            budget: Budget { claims: 3, crashes: 0, doubts: 1, copies: 0 },
            ..BASE
        },
        Scenario { name: "somebody can always serve again, four records", records_max: 4, liveness: true, ..BASE },
        chaos(Scenario {
            name: "five records in any order, and a copy",
            budget: Budget { claims: 3, crashes: 0, doubts: 1, copies: 1 },
            ..BASE
        }),
        Scenario {
            name: "three in flight, refusals that come and go",
            asks: [Ask::Take, Ask::Release, Ask::Take, Ask::Append],
            commands: 3,
            in_flight_max: 3,
            budget: Budget { claims: 2, crashes: 1, doubts: 1, copies: 0 },
            ..BASE
        },
        chaos(Scenario {
            name: "three nodes, five records",
            nodes: 3,
            budget: Budget { claims: 3, crashes: 0, doubts: 1, copies: 0 },
            ..BASE
        }),
    ]
}

/// The bounds within which a mistake shows.
#[must_use]
pub fn of_mutant(mutant: Mutant) -> Scenario {
    let scenario = Scenario { name: "mistake", mutant: Some(mutant), records_max: 6, ..BASE };
    match mutant {
        Mutant::ReuseSequence | Mutant::KeepEpoch => Scenario {
            network: Network::Chaos,
            nodes: 1,
            asks: [Ask::Append; COMMANDS],
            commands: 3,
            budget: Budget { claims: 1, crashes: 0, doubts: 1, copies: 1 },
            ..scenario
        },
        Mutant::RefuseWhenIdle => {
            Scenario { asks: [Ask::Take, Ask::Release, Ask::Take, Ask::Append], commands: 3, records_max: 7, ..scenario }
        }
        Mutant::StepDownForGood => Scenario { liveness: true, ..scenario },
        Mutant::TrustReport | Mutant::CheckpointOffsetOnly => {
            Scenario { network: Network::Chaos, budget: Budget { claims: 2, crashes: 1, doubts: 1, copies: 0 }, ..scenario }
        }
        Mutant::DedupeConfirmedOnly | Mutant::AnswerRepeatAtOnce => {
            Scenario { nodes: 1, asks: [Ask::Append; COMMANDS], ..scenario }
        }
        Mutant::RefuseAtOnce => Scenario { nodes: 1, ..scenario },
        Mutant::ClaimByEpoch | Mutant::ServeBeforeFold => scenario,
    }
}
