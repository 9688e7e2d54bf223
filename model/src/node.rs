//! A node: the production state machine, and around it what `command_api::partition::owner` does, without I/O. Beside each
//! function stands the one that it follows. The build script puts this file beside each mutant too, which is why it names the
//! production modules by `super`.

use std::convert::Infallible;
use std::hash::{Hash, Hasher};

use uuid::Uuid;

use super::acceptance::{Cursor, Mark, Verdict};
use super::ownership::{Observation, Ownership, Phase};
use super::pending::{InFlight, Pending};
use crate::protocol::{Asked, Memory, Standing};
use crate::record::{Answer, COMMANDS, Kind, Record, Sent};
use crate::truth::{Ask, State};

/// A node.
#[derive(Debug, Clone)]
pub struct Node {
    ownership: Ownership,
    pending: Pending<u8, u8, Own, Answer>,
    memory: Memory,
}

/// What a node keeps of a record in flight, where production keeps the rows that it changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Own {
    record: Record,
}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { ownership, pending, memory } = self;
        (ownership, memory, pending.unwitnessed()).hash(state);
        pending.in_flight().for_each(|record| record.hash(state));
    }
}

impl crate::protocol::Node for Node {
    fn fresh() -> Self {
        let memory =
            Memory { read: 0, state: State::default(), executed: [0; COMMANDS], session: 0, produced: 0, claim_due: true };
        Self { ownership: Ownership::following(Cursor::default()), pending: Pending::default(), memory }
    }

    /// `PartitionOwner::new`.
    fn restarted(&self) -> Self {
        let Memory { read, state, executed, .. } = self.memory;
        let fresh = Self::fresh();
        let memory = Memory { read, state, executed, ..fresh.memory };
        Self { ownership: Ownership::following(self.ownership.cursor()), memory, ..fresh }
    }

    fn counts(epoch: &mut u8, sequence: &mut u8, record: &Record) -> bool {
        let mut cursor = Cursor { epoch: u64::from(*epoch), sequence: u64::from(*sequence) };
        let verdict = cursor.accept(mark(record));
        (*epoch, *sequence) = (small(cursor.epoch), small(cursor.sequence));
        !matches!(verdict, Verdict::Ignored(_))
    }

    fn memory(&self) -> &Memory {
        &self.memory
    }

    fn standing(&self) -> Standing {
        match self.ownership.phase() {
            Phase::Following => Standing::Following,
            Phase::Claiming { .. } => Standing::Claiming,
            Phase::Owning { .. } => Standing::Owning,
            Phase::Ended => Standing::Ended,
        }
    }

    fn in_flight(&self) -> impl Iterator<Item = Sent> {
        self.pending.in_flight().map(|record| record.rows.record.sent)
    }

    fn has_unwitnessed(&self) -> bool {
        !self.pending.unwitnessed().is_empty()
    }

    /// `PartitionOwner::claim`.
    fn claim(&mut self, id: u8, fresh_session: u8) -> Option<Record> {
        if !self.memory.claim_due {
            return None;
        }
        self.memory.claim_due = false;
        if self.memory.session == 0 {
            (self.memory.session, self.memory.produced) = (fresh_session, 0);
        }
        let epoch = self.ownership.begin_claim(claim_id_of(id));
        Some(self.produce(epoch, 0, Kind::Claim { id }))
    }

    /// `PartitionOwner::serve_one` and `decision::decide`.
    fn ask(&mut self, command: u8, asks: &[Ask; COMMANDS], asked_at: u8) -> Option<Asked> {
        let ask = *asks.get(usize::from(command))?;
        let (epoch, sequence) = self.ownership.next()?;
        let stored = self.memory.executed.get(usize::from(command)).copied().filter(|sequence| *sequence != 0);
        let Ok(known) = self.pending.known(&command, || Ok::<_, Infallible>(stored));
        let decided = self.decided(asks);
        let basis = decided.concerned(ask);
        let answer = match known {
            Some(sequence) => Answer::Done { command, sequence },
            None if decided.allows(ask) => {
                let record = self.produce(epoch, sequence, Kind::Event { command, basis });
                let answer = Answer::Done { command, sequence: record.sequence };
                self.appended(record, Some((command, record.sequence)), vec![answer]);
                return Some(Asked::Appended(record));
            }
            None => Answer::Refused { command, basis, asked_at },
        };
        self.pending.witness(answer);
        Some(Asked::Waits)
    }

    /// `PartitionOwner::append_barrier`.
    fn barrier(&mut self) -> Option<Record> {
        let (epoch, sequence) = self.ownership.next()?;
        let record = self.produce(epoch, sequence, Kind::Barrier);
        self.appended(record, None, Vec::new());
        Some(record)
    }

    fn fold(&mut self, record: &Record, asks: &[Ask; COMMANDS]) {
        self.fold_record(record, asks);
    }

    /// `PartitionOwner::stored_at`.
    fn reported(&mut self, sent: Sent, offset: Option<u8>, asks: &[Ask; COMMANDS]) -> bool {
        let Some(record) = self.pending.in_flight().map(|record| record.rows.record).find(|record| record.sent == sent) else {
            return false;
        };
        let (sequence, next_offset) = (u64::from(record.sequence), u64::from(self.memory.read));
        if self.pending.first() != Some(sequence) {
            return false;
        }
        let Some(mark) = self.ownership.reported(sequence, offset.map(u64::from), next_offset) else { return false };
        self.memory.read += 1;
        match self.ownership.observe(mark, None) {
            Observation::Effective(sequence) => match self.pending.confirmed(sequence) {
                Some(own) => self.evolve(&own.record, asks),
                None => self.epoch_ended(),
            },
            _ => self.epoch_ended(),
        }
        true
    }

    /// `PartitionOwner::append_failed`.
    fn failed(&mut self) {
        self.ownership.abandon_claim();
        if !self.memory.claim_due {
            self.epoch_ended();
        }
    }

    fn take_due(&mut self) -> Vec<Answer> {
        self.pending.take_due()
    }
}

impl Node {
    /// The state with everything in flight: what decisions are made on.
    fn decided(&self, asks: &[Ask; COMMANDS]) -> State {
        self.pending.in_flight().fold(self.memory.state, |state, record| evolve(state, &record.rows.record, asks))
    }

    fn produce(&mut self, epoch: u64, sequence: u64, kind: Kind) -> Record {
        let sent = Sent { session: self.memory.session, place: self.memory.produced };
        self.memory.produced += 1;
        Record { epoch: small(epoch), sequence: small(sequence), kind, sent }
    }

    /// The second half of `PartitionOwner::append_event`.
    fn appended(&mut self, record: Record, command: Option<(u8, u8)>, answers: Vec<Answer>) {
        self.ownership.drawn();
        self.pending.push(InFlight { sequence: u64::from(record.sequence), rows: Own { record }, command, answers });
    }

    /// `PartitionOwner::fold_record`.
    fn fold_record(&mut self, record: &Record, asks: &[Ask; COMMANDS]) {
        let claim_id = match record.kind {
            Kind::Claim { id } => Some(claim_id_of(id)),
            Kind::Event { .. } | Kind::Barrier => None,
        };
        self.memory.read += 1;
        match self.ownership.observe(mark(record), claim_id) {
            Observation::Effective(sequence) => {
                let own = self.pending.confirmed(sequence).map_or(*record, |own| own.record);
                self.evolve(&own, asks);
            }
            Observation::Forged => {
                self.evolve(record, asks);
                self.epoch_ended();
            }
            Observation::ClaimWon => {
                self.pending.settle();
                self.memory.claim_due = false;
            }
            Observation::ClaimLost => self.memory.claim_due = true,
            Observation::Superseded { claim_again } => {
                self.pending.settle();
                self.memory.claim_due |= claim_again;
            }
            Observation::Ignored(_) => {}
            Observation::OwnIgnored(_) => self.epoch_ended(),
        }
    }

    /// `PartitionOwner::evolve`: the state, and what is remembered of the command.
    fn evolve(&mut self, record: &Record, asks: &[Ask; COMMANDS]) {
        self.memory.state = evolve(self.memory.state, record, asks);
        if let Kind::Event { command, .. } = record.kind
            && let Some(executed) = self.memory.executed.get_mut(usize::from(command))
        {
            *executed = record.sequence;
        }
    }

    /// `PartitionOwner::epoch_ended`: the session is dropped, and a claim follows.
    fn epoch_ended(&mut self) {
        self.ownership.end();
        self.memory.session = 0;
        self.memory.claim_due = true;
    }
}

fn evolve(state: State, record: &Record, asks: &[Ask; COMMANDS]) -> State {
    match record.kind {
        Kind::Event { command, .. } => asks.get(usize::from(command)).map_or(state, |ask| state.after(command, *ask)),
        Kind::Claim { .. } | Kind::Barrier => state,
    }
}

/// What the production rule is told of a record.
fn mark(record: &Record) -> Mark {
    let (epoch, sequence) = (u64::from(record.epoch), u64::from(record.sequence));
    match record.kind {
        Kind::Claim { .. } => Mark::Claim { epoch },
        Kind::Event { .. } | Kind::Barrier => Mark::Numbered { epoch, sequence },
    }
}

/// The id of the `id`-th claim of a run: fresh for each attempt.
fn claim_id_of(id: u8) -> Uuid {
    Uuid::from_u128(u128::from(id) + 1)
}

fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}
