//! Breadth-first search: every world that can be reached, each once; the first that is broken has a shortest history.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::scenario::Scenario;
use crate::truth::Broken;
use crate::world::{Record, RecordKind, Step, World};

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// How many worlds were reached.
    pub worlds: usize,
    /// A shortest way to a broken one, if there is any.
    pub counterexample: Option<Counterexample>,
    /// Whether the search came to the end of its bounds.
    pub complete: bool,
}

/// A history that ends badly. Its `Display` tells it step by step.
#[derive(Debug)]
pub struct Counterexample {
    /// What is broken at its end.
    pub broken: Broken,
    /// The steps, each with the world after it.
    pub history: Vec<(Step, World)>,
}

/// Searches all of `scenario`, up to `worlds_max` worlds.
#[must_use]
pub fn search(scenario: &Scenario, worlds_max: usize) -> Found {
    let beginning = World::new(scenario);
    let mut seen = HashSet::from([fingerprint(&beginning)]);
    // Where each reached world came from, so that a history can be told; worlds themselves are kept for one level only.
    let mut origins: Vec<(usize, Step)> = vec![(0, Step::Read(0))];
    let mut level = vec![(0, beginning)];
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for (index, world) in level {
            if let Some(broken) = unserved(&world, scenario) {
                return ended(broken, &origins, index, scenario, seen.len());
            }
            for step in world.steps(scenario) {
                let Some(next) = world.after(step, scenario) else { continue };
                if !seen.insert(fingerprint(&next)) {
                    continue;
                }
                origins.push((index, step));
                let reached = origins.len() - 1;
                if let Some(broken) = next.broken {
                    return ended(broken, &origins, reached, scenario, seen.len());
                }
                next_level.push((reached, next));
            }
            if seen.len() > worlds_max {
                return Found { worlds: seen.len(), counterexample: None, complete: false };
            }
        }
        level = next_level;
    }
    Found { worlds: seen.len(), counterexample: None, complete: true }
}

/// Worlds that differ only in which node is which are one world.
fn fingerprint(world: &World) -> u64 {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut nodes: Vec<_> = world.nodes.iter().map(|node| hasher.hash_one(node)).collect();
    nodes.sort_unstable();
    hasher.hash_one((nodes, world.without_nodes()))
}

fn unserved(world: &World, scenario: &Scenario) -> Option<Broken> {
    if !scenario.liveness {
        return None;
    }
    let served = |node| [false, true].into_iter().all(|late| world.serves(node, late, scenario));
    (!(0..scenario.nodes).all(served)).then_some(Broken::NobodyServes)
}

fn ended(broken: Broken, origins: &[(usize, Step)], mut index: usize, scenario: &Scenario, worlds: usize) -> Found {
    let mut steps = Vec::new();
    while index != 0 {
        let Some((origin, step)) = origins.get(index) else { break };
        steps.push(*step);
        index = *origin;
    }
    let mut world = World::new(scenario);
    let mut history = Vec::new();
    for step in steps.into_iter().rev() {
        let Some(next) = world.after(step, scenario) else { break };
        history.push((step, next.clone()));
        world = next;
    }
    Found { worlds, counterexample: Some(Counterexample { broken, history }), complete: false }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (step, world)) in self.history.iter().enumerate() {
            writeln!(f, "{:>3}. {}", number + 1, told(*step))?;
            writeln!(f, "       log: {}", listed(&world.log))?;
            if !world.network.is_empty() {
                writeln!(f, "       on the way: {}", listed(&world.network))?;
            }
        }
        writeln!(f, "  => {:?}", self.broken)
    }
}

fn told(step: Step) -> String {
    match step {
        Step::Claim(node) => format!("node {node} claims"),
        Step::Ask(node, command) => format!("node {node} is asked for command {command}"),
        Step::Barrier(node) => format!("node {node} writes a barrier for its answers"),
        Step::Read(node) => format!("node {node} folds the next record"),
        Step::Report(node, index) => format!("node {node} gets a successful report for its pending record {index}"),
        Step::Doubt(node) => format!("node {node} loses patience with an append"),
        Step::Crash(node) => format!("node {node} dies and starts again"),
        Step::Arrive(index) => format!("append {index} on the way arrives"),
        Step::Copy(offset) => format!("the broker takes a copy of offset {offset} again"),
    }
}

fn listed(records: &[Record]) -> String {
    let one = |record: &Record| match record.kind {
        RecordKind::Claim { id } => format!("claim#{id}(epoch {})", record.epoch),
        RecordKind::Event { command, .. } => format!("e{}/{} command {command}", record.epoch, record.sequence),
        RecordKind::Barrier => format!("e{}/{} barrier", record.epoch, record.sequence),
    };
    records.iter().map(one).collect::<Vec<_>>().join(" | ")
}
