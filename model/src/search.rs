//! Breadth-first search: every world that can be reached, each once; the first that is broken has a shortest history.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use crate::protocol::Node;
use crate::scenario::Scenario;
use crate::step::Step;
use crate::story::Story;
use crate::truth::Broken;
use crate::world::World;

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// How many worlds were reached.
    pub worlds: usize,
    /// How many steps the longest shortest way to one of them has.
    pub steps: usize,
    /// A shortest way to a broken one, if there is any.
    pub counterexample: Option<Story>,
    /// Whether the search came to the end of its bounds.
    pub complete: bool,
}

/// How one came to a world: from that one, by this step.
type Origin = (u32, Step);

/// Searches all of `scenario` for nodes of one protocol, up to `worlds_max` worlds.
#[must_use]
pub fn search<N: Node>(scenario: &Scenario, worlds_max: usize) -> Found {
    let beginning = World::<N>::new(scenario);
    let mut seen: HashSet<u64, FixedState> = HashSet::default();
    seen.insert(beginning.fingerprint());
    // Where each reached world came from, so that a history can be told; worlds themselves are kept for one level only.
    let mut origins: Vec<Origin> = vec![(0, Step::Replicate)];
    let mut level = vec![(0, beginning)];
    let (mut steps, mut given) = (Vec::new(), Vec::new());
    let mut depth = 0;
    let ended = |broken, origins: &[Origin], last, depth| Found {
        worlds: origins.len(),
        steps: depth,
        counterexample: Some(Story::tell::<N>(scenario, &way(origins, last), broken)),
        complete: false,
    };
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for (index, world) in level {
            if scenario.liveness && !is_served(&world, scenario) {
                return ended(Broken::NobodyServes, &origins, index, depth);
            }
            world.steps(scenario, &mut steps);
            for step in &steps {
                given.clear();
                let Some(next) = world.after(*step, scenario, &mut given) else { continue };
                if !seen.insert(next.fingerprint()) {
                    continue;
                }
                let Ok(reached) = u32::try_from(origins.len()) else {
                    return Found { worlds: origins.len(), steps: depth, counterexample: None, complete: false };
                };
                origins.push((index, *step));
                match next.broken {
                    None => next_level.push((reached, next)),
                    Some(broken) if scenario.looks_for.is_none_or(|wanted| wanted == broken) => {
                        return ended(broken, &origins, reached, depth + 1);
                    }
                    Some(_) => {}
                }
            }
            if origins.len() > worlds_max {
                return Found { worlds: origins.len(), steps: depth, counterexample: None, complete: false };
            }
        }
        level = next_level;
        depth += 1;
    }
    Found { worlds: origins.len(), steps: depth - 1, counterexample: None, complete: true }
}

/// Whether each node, if it is the one assigned, serves again, whatever is still on its way.
fn is_served<N: Node>(world: &World<N>, scenario: &Scenario) -> bool {
    (0..).zip(&world.nodes).all(|(node, _)| [false, true].into_iter().all(|late| world.serves(node, late, scenario)))
}

fn way(origins: &[Origin], last: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut index = last;
    while index != 0 {
        let Some((origin, step)) = usize::try_from(index).ok().and_then(|index| origins.get(index)) else { break };
        steps.push(*step);
        index = *origin;
    }
    steps.reverse();
    steps
}
