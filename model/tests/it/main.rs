//! The protocol holds within the quick bounds, and every mistake is caught.

use model::mutant::Mutant;
use model::{scenario, search};

/// More worlds than any quick search needs; a search that comes here has bounds that are too wide for `./test`.
const WORLDS_MAX: usize = 3_000_000;

#[test]
fn the_protocol_holds_to_the_end_of_its_bounds() {
    for scenario in scenario::quick() {
        let found = search::search(&scenario, WORLDS_MAX);
        println!("{}: {} worlds", scenario.name, found.worlds);
        if let Some(counterexample) = found.counterexample {
            panic!("{}:\n{counterexample}", scenario.name);
        }
        assert!(found.complete, "{}: more than {WORLDS_MAX} worlds", scenario.name);
    }
}

#[test]
fn every_mistake_has_a_counterexample() {
    for mutant in Mutant::ALL {
        let found = search::search(&scenario::of_mutant(mutant), WORLDS_MAX);
        match found.counterexample {
            Some(counterexample) => println!("{mutant:?}, after {} worlds:\n{counterexample}", found.worlds),
            None => panic!("{mutant:?} was not caught within {} worlds", found.worlds),
        }
    }
}
