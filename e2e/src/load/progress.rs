//! How the load gets on: what the fault runner waits for and measures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A longer wait for an answer is noticed.
const NOTICEABLE_US: u64 = 1_000_000;

/// Counts what the writers achieve. Times are microseconds since the load began.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// In the order of the answers.
    answered: Vec<Answered>,
    /// Since when each writer waits for an answer.
    waiting: BTreeMap<usize, u64>,
    /// Those in which something was acknowledged, by the beginning of their read tokens.
    partitions: BTreeSet<String>,
    /// The highest acknowledged version of each room.
    versions: BTreeMap<String, u64>,
    /// How far each follower has come in each room.
    followed: BTreeMap<String, BTreeMap<String, u64>>,
}

#[derive(Debug, Clone)]
struct Answered {
    asked_us: u64,
    answered_us: u64,
    partition: String,
}

impl Default for Progress {
    fn default() -> Self {
        Self { began: Instant::now(), state: Mutex::default() }
    }
}

impl Progress {
    /// Now.
    #[must_use]
    pub fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Commands that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.with(|state| state.answered.len())
    }

    /// Whether every partition has acknowledged something that was asked for after `since_us`.
    #[must_use]
    pub fn serves_since(&self, since_us: u64) -> bool {
        self.with(|state| {
            let recent = state.answered.iter().rev().take_while(|answer| answer.answered_us >= since_us);
            let served: BTreeSet<&String> =
                recent.filter(|answer| answer.asked_us >= since_us).map(|answer| &answer.partition).collect();
            served.len() == state.partitions.len()
        })
    }

    /// The longest time that somebody waited for an answer between the two moments; whoever waits still counts too.
    #[must_use]
    pub fn longest_wait(&self, from_us: u64, to_us: u64) -> Duration {
        let now = self.now_us();
        self.with(|state| {
            let answered = state.answered.iter().filter(|answer| answer.answered_us >= from_us && answer.asked_us <= to_us);
            let waits = answered.map(|answer| answer.answered_us.saturating_sub(answer.asked_us));
            let open = state.waiting.values().filter(|asked| **asked <= to_us).map(|asked| now.saturating_sub(*asked));
            Duration::from_micros(waits.chain(open).max().unwrap_or_default())
        })
    }

    /// How long after `from_us` the last command was answered that had to wait noticeably, of those asked until `to_us`.
    #[must_use]
    pub fn felt_for(&self, from_us: u64, to_us: u64) -> Duration {
        self.with(|state| {
            let since = state.answered.iter().filter(|answer| answer.answered_us >= from_us && answer.asked_us <= to_us);
            let slow = since.filter(|answer| answer.answered_us - answer.asked_us.max(from_us) > NOTICEABLE_US);
            Duration::from_micros(slow.map(|answer| answer.answered_us - from_us).max().unwrap_or_default())
        })
    }

    /// The rooms' acknowledged versions.
    #[must_use]
    pub fn versions(&self) -> BTreeMap<String, u64> {
        self.with(|state| state.versions.clone())
    }

    /// Whether every follower has come to these versions.
    #[must_use]
    pub fn followed_to(&self, versions: &BTreeMap<String, u64>) -> bool {
        self.with(|state| {
            let reached = |known: &BTreeMap<String, u64>| versions.iter().all(|(room, version)| known.get(room) >= Some(version));
            state.followed.values().all(reached)
        })
    }

    pub(super) fn waits(&self, writer: usize, asked_us: u64) {
        self.with(|state| state.waiting.insert(writer, asked_us));
    }

    pub(super) fn answered(&self, writer: usize, asked_us: u64, answer: &Place) {
        let answered_us = self.now_us();
        self.with(|state| {
            state.waiting.remove(&writer);
            state.partitions.insert(answer.partition.clone());
            state.answered.push(Answered { asked_us, answered_us, partition: answer.partition.clone() });
            if let Some(room) = &answer.room {
                let version = state.versions.entry(room.clone()).or_default();
                *version = answer.version.max(*version);
            }
        });
    }

    pub(super) fn gave_up(&self, writer: usize) {
        self.with(|state| state.waiting.remove(&writer));
    }

    pub(super) fn follows(&self, follower: &str, room: &str, version: u64) {
        self.with(|state| state.followed.entry(follower.to_owned()).or_default().insert(room.to_owned(), version));
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        // Whoever panicked has failed the test already.
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where an acknowledged event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The room; nothing for a person's own stream.
    pub room: Option<String>,
    pub version: u64,
    pub partition: String,
}
