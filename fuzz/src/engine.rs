//! Runs a target: its corpus, then what is made of it, until a number of runs or a time is over or an input breaks it.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::mutate::mutated;
use crate::targets::{Target, digest};

/// The most inputs that others are made of.
const SEEDS_MAX: usize = 20_000;
/// How often a broken input is tried to be made smaller.
const SHRINKS_MAX: usize = 2_000;

/// When a run ends.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    /// After so many inputs beside the corpus.
    Runs(u64),
    /// After this time.
    Elapsed(Duration),
}

/// What a run came to.
#[derive(Debug)]
pub struct Report {
    /// Inputs that were run.
    pub runs: u64,
    /// Different signatures that were seen.
    pub signatures: usize,
    /// An input that broke the target, made as small as could be.
    pub broken: Option<Broken>,
}

/// An input that broke the target.
#[derive(Debug)]
pub struct Broken {
    /// The input.
    pub input: Vec<u8>,
    /// What the panic said.
    pub message: String,
}

/// Runs `target` on `corpus`, then on what `seed` makes of it.
pub fn run(target: &Target, corpus: &[Vec<u8>], seed: u64, until: Until) -> Report {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut seen, mut seeds) = (HashSet::new(), Vec::new());
    let mut report = Report { runs: 0, signatures: 0, broken: None };
    let began = Instant::now();
    let mut queue: Vec<Vec<u8>> = corpus.iter().rev().cloned().collect();
    loop {
        let from_corpus = queue.pop();
        let made = report.runs.saturating_sub(u64::try_from(corpus.len()).unwrap_or(u64::MAX));
        let over = match until {
            Until::Runs(runs) => made >= runs,
            Until::Elapsed(time) => began.elapsed() >= time,
        };
        if from_corpus.is_none() && over {
            break;
        }
        let input = from_corpus.unwrap_or_else(|| made_input(&mut random, &seeds));
        report.runs += 1;
        match outcome(target, &input) {
            Ok(signature) => {
                if seen.insert(signature) || seeds.is_empty() {
                    remember(&mut random, &mut seeds, input);
                }
            }
            Err(message) => {
                report.broken = Some(smaller(target, Broken { input, message }));
                break;
            }
        }
    }
    report.signatures = seen.len();
    report
}

fn made_input(random: &mut StdRng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let nothing = Vec::new();
    let (seed, other) = (seeds.choose(random).unwrap_or(&nothing), seeds.choose(random).unwrap_or(&nothing));
    mutated(random, seed, other)
}

fn remember(random: &mut StdRng, seeds: &mut Vec<Vec<u8>>, input: Vec<u8>) {
    if seeds.len() < SEEDS_MAX {
        seeds.push(input);
    } else {
        let place = random.random_range(0..seeds.len());
        if let Some(old) = seeds.get_mut(place) {
            *old = input;
        }
    }
}

/// The target's signature, or what its panic said.
fn outcome(target: &Target, input: &[u8]) -> Result<u64, String> {
    catch_unwind(AssertUnwindSafe(|| digest((target.run)(input).as_bytes()))).map_err(|panic| {
        let said = panic.downcast_ref::<String>().cloned();
        said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_else(|| "a panic".to_owned())
    })
}

/// Cuts parts out of a broken input as long as it stays broken.
fn smaller(target: &Target, mut broken: Broken) -> Broken {
    let mut size = broken.input.len() / 2;
    let mut tries = 0;
    while size > 0 && tries < SHRINKS_MAX {
        let mut at = 0;
        while at + size <= broken.input.len() && tries < SHRINKS_MAX {
            tries += 1;
            let mut shorter = broken.input.clone();
            shorter.drain(at..at + size);
            match outcome(target, &shorter) {
                Ok(_) => at += size,
                Err(message) => broken = Broken { input: shorter, message },
            }
        }
        size /= 2;
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picky(input: &[u8]) -> String {
        assert!(!input.windows(2).any(|two| two == b"zq"), "zq is in it");
        format!("{}", input.iter().filter(|byte| **byte == b'z').count().min(3))
    }

    #[test]
    fn what_breaks_a_target_is_found_and_made_small() {
        let target = Target { name: "picky", about: "", run: picky };
        let report = run(&target, &[b"zzzz and q".to_vec()], 7, Until::Runs(200_000));
        assert_eq!(report.broken.map(|broken| (broken.input, broken.message)), Some((b"zq".to_vec(), "zq is in it".to_owned())));
    }

    #[test]
    fn the_same_seed_is_the_same_run_and_new_signatures_become_seeds() {
        let target = Target { name: "count", about: "", run: |input| input.len().min(50).to_string() };
        let runs = |seed| run(&target, &[b"ab".to_vec()], seed, Until::Runs(2_000));
        let (one, again) = (runs(1), runs(1));
        assert_eq!((one.runs, one.signatures), (again.runs, again.signatures));
        assert_eq!(one.runs, 2_001);
        assert!(one.signatures > 10, "{one:?}");
    }
}
