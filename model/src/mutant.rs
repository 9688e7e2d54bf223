//! Mistakes that look plausible: each is a change of the production rules, or of the settings of Kafka that they rest on.
//!
//! The changes are the files in `model/mutants/`. The build script applies each of them to the text of
//! `domain/src/acceptance.rs`, `command-api/src/partition/{ownership,pending}.rs` and `model/src/node.rs`, and compiles the result
//! as a module; a change that no longer fits the production text fails the build.

use crate::record::COMMANDS;
use crate::scenario::{BASE, Budget, COME_AND_GO, Network, Replicas, Scenario};
use crate::search::{Found, search};
use crate::truth::{Ask, Broken};

/// The changed rules.
pub mod changed {
    include!(concat!(env!("OUT_DIR"), "/mutants.rs"));
}

const ONE_IN_SYNC: &str = "one-in-sync";
const PAST_HIGH_WATERMARK: &str = "past-high-watermark";

/// A mistake.
#[derive(Debug)]
pub struct Mutant {
    /// Its name: that of its file, or of the setting.
    pub name: &'static str,
    /// What is wrong with it, in a sentence.
    pub mistake: &'static str,
    /// What of the rules is changed, as a diff; nothing where a setting is.
    pub change: &'static str,
    search: fn(&Scenario, usize) -> Found,
}

/// The bounds of most: wide enough for what is broken, and small enough to be searched in seconds.
const USUAL: Scenario = Scenario { name: "a mistake", records_max: 6, ..BASE };
const CALM: Budget = Budget { claims: 1, crashes: 0, failures: 0, copies: 0, elections: 0 };
/// One node, three commands that are never refused.
const ALONE: Scenario = Scenario { nodes: 1, asks: [Ask::Append; COMMANDS], commands: 3, budget: CALM, ..USUAL };

impl Mutant {
    /// All of them.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let setting = |name, mistake| Self { name, mistake, change: "", search: search::<crate::production::Node> };
        let mut all = changed::all();
        all.push(setting(ONE_IN_SYNC, "Topics with min.insync.replicas=1: a leader that is alone in sync acknowledges alone."));
        all.push(setting(PAST_HIGH_WATERMARK, "Readers go to the end of the leader's log, past the high watermark."));
        all
    }

    /// Searches for what the mistake breaks.
    #[must_use]
    pub fn search(&self, worlds_max: usize) -> Found {
        (self.search)(&Scenario { looks_for: Some(self.breaks()), ..self.scenario() }, worlds_max)
    }

    /// What it breaks. A mistake may break more than this; this says most.
    #[must_use]
    pub fn breaks(&self) -> Broken {
        match self.name {
            "checkpoint-is-an-offset" => Broken::FoldsDiffer,
            "earlier-witness" | "refuse-when-idle" => Broken::RefusedUntruly,
            "epoch-kept" | "epoch-passed-over" | "step-down-for-good" => Broken::NobodyServes,
            "gap-accepted" | "sequence-used-again" => Broken::DecidedOnWrongState,
            "repeats-in-flight-overlooked" => Broken::EffectiveTwice,
            ONE_IN_SYNC => Broken::AcknowledgedVanished,
            PAST_HIGH_WATERMARK => Broken::ReadVanished,
            _ => Broken::AcknowledgedNotEffective,
        }
    }

    fn scenario(&self) -> Scenario {
        match self.name {
            "gap-accepted" | "report-without-sequence-check" => Scenario { network: Network::Chaos, ..ALONE },
            "epoch-kept" => Scenario { network: Network::Chaos, liveness: true, ..ALONE },
            "sequence-used-again" => Scenario { network: Network::Chaos, budget: Budget { failures: 1, ..CALM }, ..ALONE },
            "answer-without-witness" | "repeats-in-flight-overlooked" => ALONE,
            "refuse-when-idle" | "earlier-witness" => {
                Scenario { nodes: 2, asks: COME_AND_GO, budget: Budget { claims: 2, ..CALM }, ..ALONE }
            }
            "epoch-passed-over" | "step-down-for-good" => Scenario { liveness: true, ..USUAL },
            ONE_IN_SYNC => Scenario { replicas: Replicas::OneInSync, budget: Budget { elections: 1, ..CALM }, ..ALONE },
            PAST_HIGH_WATERMARK => {
                Scenario { replicas: Replicas::ReadPastHighWatermark, budget: Budget { elections: 1, ..CALM }, ..ALONE }
            }
            _ => USUAL,
        }
    }
}
