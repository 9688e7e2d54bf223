//! What was handed to the log and is not effective yet, with the answers that wait for it (rules 5, 7 and 8). Pure, so that the
//! model checker runs this very code, with commands `K`, outcomes `E`, rows `R` and answers `A` of its own.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use domain::acceptance::Sequence;

/// A record in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InFlight<K, E, R, A> {
    /// Its sequence.
    pub sequence: Sequence,
    /// What it changes in the local store, once it is effective.
    pub rows: R,
    /// The command that it executes; none for a barrier.
    pub command: Option<(K, E)>,
    /// Who waits for it.
    pub answers: Vec<A>,
}

/// Everything in flight, in order of sequence.
#[derive(Debug, Clone)]
pub struct Pending<K, E, R, A> {
    queue: VecDeque<InFlight<K, E, R, A>>,
    commands: HashMap<K, E>,
    /// Answers that rest on decided state and wait for the next record of our own.
    unwitnessed: Vec<A>,
    /// Answers whose records are effective.
    due: Vec<A>,
}

impl<K, E, R, A> Default for Pending<K, E, R, A> {
    fn default() -> Self {
        Self { queue: VecDeque::new(), commands: HashMap::new(), unwitnessed: Vec::new(), due: Vec::new() }
    }
}

impl<K: Clone + Eq + Hash, E: Copy, R, A> Pending<K, E, R, A> {
    /// How many records are in flight.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The sequence that is to be effective next.
    pub fn first(&self) -> Option<Sequence> {
        self.queue.front().map(|record| record.sequence)
    }

    /// What is in flight, in order of sequence.
    pub fn in_flight(&self) -> impl Iterator<Item = &InFlight<K, E, R, A>> {
        self.queue.iter()
    }

    /// Adds a record that was just handed over; the answers that waited for such a one now wait for it.
    pub fn push(&mut self, mut record: InFlight<K, E, R, A>) {
        record.answers.append(&mut self.unwitnessed);
        if let Some((key, executed)) = &record.command {
            self.commands.insert(key.clone(), *executed);
        }
        self.queue.push_back(record);
    }

    /// What the command under `key` did, or will have done if it is in flight. `stored` knows the effective ones.
    ///
    /// # Errors
    /// Those of `stored`.
    pub fn known<F>(&self, key: &K, stored: impl FnOnce() -> Result<Option<E>, F>) -> Result<Option<E>, F> {
        match self.commands.get(key) {
            Some(in_flight) => Ok(Some(*in_flight)),
            None => stored(),
        }
    }

    /// Lets `answer` wait for the next record of our own (rule 8).
    pub fn witness(&mut self, answer: A) {
        self.unwitnessed.push(answer);
    }

    /// The answers that wait for a record that nobody has written yet.
    pub fn unwitnessed(&self) -> &[A] {
        &self.unwitnessed
    }

    /// The record at `sequence` is effective now: its answers are due. Gives its rows, if it was in flight here. Sequences are
    /// effective in order.
    pub fn confirmed(&mut self, sequence: Sequence) -> Option<R> {
        let record = self.queue.pop_front_if(|record| record.sequence == sequence)?;
        if let Some((key, _)) = &record.command {
            self.commands.remove(key);
        }
        self.due.extend(record.answers);
        Some(record.rows)
    }

    /// Takes the answers that may be given now.
    pub fn take_due(&mut self) -> Vec<A> {
        std::mem::take(&mut self.due)
    }

    /// Nothing in flight will be effective any more: a higher claim was folded, or the fold starts over. Takes the answers that
    /// will never be due.
    pub fn settle(&mut self) -> Vec<A> {
        self.commands.clear();
        let in_flight = self.queue.drain(..).flat_map(|record| record.answers);
        in_flight.chain(self.unwitnessed.drain(..)).collect()
    }

    /// Takes the answers that wait for a record nobody has written.
    pub fn settle_unwitnessed(&mut self) -> Vec<A> {
        std::mem::take(&mut self.unwitnessed)
    }
}
