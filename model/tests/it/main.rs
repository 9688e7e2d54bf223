//! The protocol holds within its bounds, every mistake is caught, and every invariant is one that can be broken.

mod proof;

use std::collections::HashSet;
use std::time::Instant;

use model::mutant::Mutant;
use model::production::Node;
use model::truth::Broken;
use model::{scenario, search};

/// More worlds than any search needs; one that comes here has bounds that are too wide.
const WORLDS_MAX: usize = 60_000_000;
/// The same for a mistake.
const MISTAKE_WORLDS_MAX: usize = 1_000_000;

#[test]
fn the_protocol_holds_to_the_end_of_its_bounds() {
    let mut scenarios = scenario::quick();
    if proof::is_wanted() {
        scenarios.extend(scenario::deep());
    }
    for scenario in scenarios {
        let began = Instant::now();
        let found = search::search::<Node>(&scenario, WORLDS_MAX);
        let (worlds, steps, seconds) = (found.worlds, found.steps, began.elapsed().as_secs_f64());
        let bounds = scenario.bounds();
        println!("{}: {worlds} worlds, up to {steps} steps away, {seconds:.1} s; {bounds}", scenario.name);
        if let Some(counterexample) = found.counterexample {
            panic!("{}:\n{counterexample}", scenario.name);
        }
        assert!(found.complete, "{}: more than {WORLDS_MAX} worlds", scenario.name);
        let value = format!("holds in all {worlds} worlds, up to {steps} steps away; {seconds:.1} s. Bounds: {bounds}");
        proof::record(scenario.name, &value).unwrap();
    }
}

#[test]
fn every_mistake_has_a_counterexample() {
    for mutant in Mutant::all() {
        let found = mutant.search(MISTAKE_WORLDS_MAX);
        let Some(counterexample) = found.counterexample else {
            panic!("{} was not caught within {} worlds", mutant.name, found.worlds);
        };
        println!("{}: {}\n{}\n{counterexample}\n", mutant.name, mutant.mistake, mutant.change);
        assert_eq!(counterexample.broken, mutant.breaks(), "{}", mutant.name);
        let value = format!("{} → caught after {} steps: {}", mutant.mistake, counterexample.steps(), mutant.breaks().told());
        proof::record(&format!("mistake `{}`", mutant.name), &value).unwrap();
    }
}

#[test]
fn every_invariant_is_broken_by_some_mistake() {
    let broken: HashSet<Broken> = Mutant::all().iter().map(Mutant::breaks).collect();
    let unbroken: Vec<_> = Broken::ALL.into_iter().filter(|invariant| !broken.contains(invariant)).collect();
    assert_eq!(unbroken, [], "an invariant that nothing breaks may say nothing");
}
