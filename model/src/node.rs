//! One node around the production state machine, as `command_api::partition::owner` is around it.

use command_api::partition::ownership::{Observation, Ownership, Phase};
use domain::Cursor;
use uuid::Uuid;

use crate::mutant::Mutant;
use crate::truth::State;
use crate::world::{COMMANDS, Record, RecordKind};

/// A node's memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The production state machine.
    pub ownership: Ownership,
    /// How many records of the log it has folded.
    pub read: u8,
    /// The folded aggregates.
    pub state: State,
    /// The sequence at which each command was folded as effective; 0 for none.
    pub executed: [u8; COMMANDS],
    /// Its producer session; 0 for none yet.
    pub session: u8,
    /// How many records it has handed to that session.
    pub produced: u8,
    /// What it has in flight under the epoch that it owns or owned last.
    pub pending: Vec<InFlight>,
    /// Answers that wait for the next record of its own.
    pub unwitnessed: Vec<Answer>,
    /// Never claims again (a mistake).
    pub retired: bool,
    /// Knows its offset, but not where the acceptance rule stands (a mistake).
    pub unsure: bool,
}

/// A record in flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InFlight {
    /// Its sequence.
    pub sequence: u8,
    /// Its command; none for a barrier.
    pub command: Option<usize>,
    /// Its place in the producer session.
    pub produced: u8,
    /// The answers that wait for it.
    pub answers: Vec<Answer>,
}

/// An answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// "It is done, at this sequence."
    Done {
        /// The command.
        command: usize,
        /// The sequence.
        sequence: u8,
    },
    /// "No", because the state concerned is this.
    Refused {
        /// The command.
        command: usize,
        /// The state that it was decided on.
        state: State,
        /// How long the log was when it was asked.
        asked_at: u8,
    },
}

impl Node {
    /// A node that starts with nothing.
    #[must_use]
    pub fn fresh() -> Self {
        Self {
            ownership: Ownership::following(Cursor::default()),
            read: 0,
            state: State::default(),
            executed: [0; COMMANDS],
            session: 0,
            produced: 0,
            pending: Vec::new(),
            unwitnessed: Vec::new(),
            retired: false,
            unsure: false,
        }
    }

    /// The process dies and starts again from its local store, which holds the folded state with its whole position.
    #[must_use]
    pub fn restarted(&self, mutant: Option<Mutant>) -> Self {
        let unsure = mutant == Some(Mutant::CheckpointOffsetOnly);
        let cursor = if unsure { Cursor::default() } else { self.ownership.cursor() };
        Self {
            ownership: Ownership::following(cursor),
            read: self.read,
            state: self.state,
            executed: self.executed,
            unsure,
            ..Self::fresh()
        }
    }

    /// The state with everything in flight: what decisions are made on.
    #[must_use]
    pub fn decided(&self, asks: &[crate::truth::Ask; COMMANDS]) -> State {
        self.pending.iter().filter_map(|record| record.command).fold(self.state, |state, command| match asks.get(command) {
            Some(ask) => state.after(command, *ask),
            None => state,
        })
    }

    /// The epoch and sequence for the next append, if the node may append.
    #[must_use]
    pub fn next(&self) -> Option<(u8, u8)> {
        let (epoch, sequence) = self.ownership.next()?;
        Some((u8::try_from(epoch).unwrap_or(u8::MAX), u8::try_from(sequence).unwrap_or(u8::MAX)))
    }

    /// Folds the next record; gives the answers that are due.
    pub fn read(&mut self, record: &Record, mutant: Option<Mutant>, ask: Option<crate::truth::Ask>) -> Vec<Answer> {
        self.read += 1;
        if self.unsure && !matches!(record.kind, RecordKind::Claim { .. }) {
            // The mistake: nothing says what was effective before, so this record is believed.
            let cursor = Cursor { epoch: u64::from(record.epoch), sequence: u64::from(record.sequence).saturating_sub(1) };
            self.ownership = Ownership::following(cursor);
            self.unsure = false;
        }
        let before = self.ownership.clone();
        let observation = self.ownership.observe(record.mark(), self.claim_id(record, mutant));
        match observation {
            Observation::Effective(_) | Observation::Forged => return self.effective(record, ask),
            Observation::ClaimWon => self.settle(),
            Observation::Superseded { .. } => {
                self.settle();
                self.retired |= mutant == Some(Mutant::StepDownForGood) && matches!(before.phase(), Phase::Owning { .. });
            }
            Observation::OwnIgnored(_) if mutant == Some(Mutant::KeepEpoch) => {
                self.ownership = before;
                self.pending.retain(|pending| pending.sequence != record.sequence);
            }
            Observation::OwnIgnored(_) => self.session = 0,
            Observation::ClaimLost | Observation::Ignored(_) => {}
        }
        Vec::new()
    }

    /// How the node recognises a claim.
    fn claim_id(&self, record: &Record, mutant: Option<Mutant>) -> Option<Uuid> {
        let RecordKind::Claim { id } = record.kind else { return None };
        match self.ownership.phase() {
            Phase::Claiming { claim_id } if mutant == Some(Mutant::ClaimByEpoch) => Some(claim_id),
            _ => Some(claim_id_of(id)),
        }
    }

    fn effective(&mut self, record: &Record, ask: Option<crate::truth::Ask>) -> Vec<Answer> {
        if let (RecordKind::Event { command, .. }, Some(ask)) = (record.kind, ask) {
            self.state = self.state.after(command, ask);
            if let Some(executed) = self.executed.get_mut(command) {
                *executed = record.sequence;
            }
        }
        match self.pending.first() {
            Some(first) if first.sequence == record.sequence => self.pending.remove(0).answers,
            _ => Vec::new(),
        }
    }

    /// A claim was folded: what is in flight is effective by now, or never will be.
    fn settle(&mut self) {
        self.pending.clear();
        self.unwitnessed.clear();
    }

    /// A time-out or a failed report (rule 6).
    pub fn doubt(&mut self, mutant: Option<Mutant>) {
        if mutant == Some(Mutant::ReuseSequence) && matches!(self.ownership.phase(), Phase::Owning { .. }) {
            self.ownership = owning(self.ownership.cursor());
            self.pending.clear();
            return;
        }
        self.ownership.abandon_claim();
        self.ownership.end();
        self.unwitnessed.clear();
        self.session = 0;
    }
}

/// The id of the `id`-th claim of a run: fresh for each attempt.
#[must_use]
pub fn claim_id_of(id: u8) -> Uuid {
    Uuid::from_u128(u128::from(id) + 1)
}

/// An owner of the epoch of `cursor`, made as a mistake would make one: by way of the production functions, with a claim that nobody
/// folded.
#[must_use]
pub fn owning(cursor: Cursor) -> Ownership {
    let mut ownership = Ownership::following(Cursor { epoch: cursor.epoch.saturating_sub(1), ..cursor });
    let claim_id = claim_id_of(u8::MAX);
    let epoch = ownership.begin_claim(claim_id);
    ownership.observe(domain::acceptance::Mark::Claim { epoch }, Some(claim_id));
    ownership
}
