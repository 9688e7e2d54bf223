//! Every target, briefly: its corpus, and what a seed makes of it. `cargo xtask fuzz TARGET` goes on for longer.

use fuzz::engine::{Until, run};
use fuzz::{corpus, targets};

/// Inputs of each target beside its corpus.
const RUNS: u64 = 20_000;
/// Targets whose inputs cost more than a parse: each is a request that is verified, decided and recorded.
const RUNS_OF_BODIES: u64 = 4_000;
/// With fewer a target looks at nothing.
const SIGNATURES_MIN: usize = 15;

#[test]
fn every_target_survives_what_a_seed_makes_of_its_corpus() {
    let seed = targets::random_seed();
    for target in targets::ALL {
        let inputs: Vec<_> = corpus::read(target.name).unwrap().into_iter().map(|(_, input)| input).collect();
        let runs = if target.name == "bodies" { RUNS_OF_BODIES } else { RUNS };
        let report = run(target, &inputs, seed, Until::Runs(runs));
        println!("{}: seed {seed}, {} inputs, {} signatures", target.name, report.runs, report.signatures);
        if let Some(broken) = report.broken {
            let file = corpus::keep_finding(target.name, &broken.input).unwrap();
            panic!(
                "{}, seed {seed}: {}\n{}\n{:?}",
                target.name,
                broken.message,
                file.display(),
                String::from_utf8_lossy(&broken.input)
            );
        }
        assert!(report.signatures >= SIGNATURES_MIN, "{}: only {} signatures", target.name, report.signatures);
    }
}

/// What the corpus is there for: each of its inputs is good, or was once a finding; none of them is what the next one is.
#[test]
fn every_input_of_the_corpora_is_different() {
    for target in targets::ALL {
        let inputs = corpus::read(target.name).unwrap();
        let different: std::collections::BTreeSet<_> = inputs.iter().map(|(_, input)| input).collect();
        assert_eq!(different.len(), inputs.len(), "{}", target.name);
    }
}
