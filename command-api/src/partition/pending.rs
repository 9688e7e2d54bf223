//! What was handed to the log and is not effective yet, with the answers that wait for it.

use std::collections::{HashMap, VecDeque};

use domain::acceptance::Sequence;
use infra::state_store::Row;
use tokio::sync::oneshot;

use super::dedupe::{CommandKey, Executed};
use crate::bus::Fault;

/// An answer that may be given only once something is effective. Boxed closures, because answers differ by question.
pub struct Answer(Box<dyn FnOnce(Result<(), Fault>) + Send>);

impl Answer {
    /// Answers `reply` with `answer`, or with the fault that came in between.
    pub fn new<T: Send + 'static>(reply: oneshot::Sender<Result<T, Fault>>, answer: Result<T, Fault>) -> Self {
        Self(Box::new(move |effective| {
            // A receiver that is gone has stopped waiting; there is nobody to tell.
            drop(reply.send(effective.and(answer)));
        }))
    }

    /// Gives the answer.
    pub fn give(self) {
        (self.0)(Ok(()));
    }

    /// Gives the fault instead: what the answer rests on is not effective.
    pub fn fail(self, fault: Fault) {
        (self.0)(Err(fault));
    }
}

/// A record in flight.
pub struct InFlight {
    /// Its sequence.
    pub sequence: Sequence,
    /// What it changes in the local store, once it is effective.
    pub rows: Vec<Row>,
    /// The command that it executes; none for a barrier.
    pub command: Option<(CommandKey, Executed)>,
    /// Who waits for it.
    pub answers: Vec<Answer>,
}

/// Everything in flight, in order of sequence.
#[derive(Default)]
pub struct Pending {
    queue: VecDeque<InFlight>,
    commands: HashMap<CommandKey, (Sequence, Executed)>,
    /// Answers that rest on decided state and wait for the next record of our own.
    unwitnessed: Vec<Answer>,
}

impl Pending {
    /// How many records are in flight.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Adds a record that was just handed over; the answers that waited for such a one now wait for it.
    pub fn push(&mut self, mut record: InFlight) {
        record.answers.append(&mut self.unwitnessed);
        if let Some((key, executed)) = &record.command {
            self.commands.insert(key.clone(), (record.sequence, *executed));
        }
        self.queue.push_back(record);
    }

    /// What the command in flight under `key` will have done.
    pub fn executed(&self, key: &CommandKey) -> Option<Executed> {
        self.commands.get(key).map(|(_, executed)| *executed)
    }

    /// Lets `answer` wait for the next record of our own (rule 8).
    pub fn witness(&mut self, answer: Answer) {
        self.unwitnessed.push(answer);
    }

    /// Whether an answer waits for a record that nobody has written yet.
    pub fn needs_barrier(&self) -> bool {
        !self.unwitnessed.is_empty()
    }

    /// The record in flight at `sequence`, which is effective now. Sequences are effective in order.
    pub fn confirmed(&mut self, sequence: Sequence) -> Option<InFlight> {
        let record = self.queue.pop_front_if(|record| record.sequence == sequence)?;
        if let Some((key, _)) = &record.command {
            self.commands.remove(key);
        }
        Some(record)
    }

    /// Nothing in flight will be answered any more: a higher claim was folded and it will never be effective, or the fold starts
    /// over. Every answer becomes `fault`.
    pub fn settle(&mut self, fault: &Fault) {
        self.commands.clear();
        for answer in self.queue.drain(..).flat_map(|record| record.answers) {
            answer.fail(fault.clone());
        }
        self.settle_unwitnessed(fault);
    }

    /// The answers that wait for a record nobody has written become `fault`.
    pub fn settle_unwitnessed(&mut self, fault: &Fault) {
        for answer in self.unwitnessed.drain(..) {
            answer.fail(fault.clone());
        }
    }
}
