//! What a reader of the whole log takes for true, and what must hold.

use domain::acceptance::Mark;
use domain::{Cursor, Verdict};

use crate::world::{COMMANDS, Record, RecordKind};

/// What a command asks for. Two aggregates: a name that can be taken once until it is released, and a list that takes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ask {
    /// Take the name; refused while it is taken.
    Take,
    /// Release the name; refused while it is free.
    Release,
    /// Append to the list; never refused.
    Append,
}

/// The two aggregates, each as the commands that were applied to it, oldest in the highest digit (base 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct State {
    name: u16,
    list: u16,
    taken: bool,
}

impl State {
    /// Whether the state allows `ask`.
    #[must_use]
    pub const fn allows(self, ask: Ask) -> bool {
        match ask {
            Ask::Take => !self.taken,
            Ask::Release => self.taken,
            Ask::Append => true,
        }
    }

    /// The state after `command`, which asks for `ask`.
    #[must_use]
    pub fn after(mut self, command: usize, ask: Ask) -> Self {
        let digit = u16::try_from(command).unwrap_or(15) + 1;
        match ask {
            Ask::Append => self.list = (self.list << 4) | digit,
            Ask::Take | Ask::Release => {
                self.name = (self.name << 4) | digit;
                self.taken = ask == Ask::Take;
            }
        }
        self
    }

    /// The part of the state that `ask` depends on.
    #[must_use]
    pub const fn concerned(self, ask: Ask) -> u16 {
        match ask {
            Ask::Append => self.list,
            Ask::Take | Ask::Release => self.name,
        }
    }
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broken {
    /// A command was acknowledged that is not effective, or at another position.
    AcknowledgedNotEffective,
    /// One command id has two effective events.
    EffectiveTwice,
    /// An effective event was decided on a state that the log never had at its place.
    DecidedOnWrongState,
    /// A node's folded state differs from that of the log it has read.
    FoldsDiffer,
    /// A refusal was given although the log had no such state between question and answer.
    RefusedUntruly,
    /// No faults any more, one node assigned, and yet it cannot get a command acknowledged.
    NobodyServes,
}

/// The fold of a whole log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The state of the acceptance rule.
    pub cursor: Cursor,
    /// The aggregates.
    pub state: State,
    /// The sequence at which each command is effective; 0 for none.
    pub executed: [u8; COMMANDS],
    /// What is wrong with the log itself.
    pub broken: Option<Broken>,
}

impl Truth {
    /// Folds `log` by the production acceptance rule.
    #[must_use]
    pub fn of(log: &[Record], asks: &[Ask; COMMANDS]) -> Self {
        let mut truth = Self { cursor: Cursor::default(), state: State::default(), executed: [0; COMMANDS], broken: None };
        for record in log {
            truth.fold(record, asks);
        }
        truth
    }

    fn fold(&mut self, record: &Record, asks: &[Ask; COMMANDS]) {
        if self.cursor.accept(record.mark()) != Verdict::Effective {
            return;
        }
        let RecordKind::Event { command, basis } = record.kind else { return };
        let (Some(ask), Some(executed)) = (asks.get(command), self.executed.get_mut(command)) else { return };
        if *executed != 0 {
            self.broken = Some(Broken::EffectiveTwice);
        }
        if basis.concerned(*ask) != self.state.concerned(*ask) {
            self.broken = Some(Broken::DecidedOnWrongState);
        }
        *executed = u8::try_from(self.cursor.sequence).unwrap_or(u8::MAX);
        self.state = self.state.after(command, *ask);
    }
}

impl Record {
    /// What the production rule is told of the record.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self.kind {
            RecordKind::Claim { .. } => Mark::Claim { epoch: u64::from(self.epoch) },
            RecordKind::Event { .. } | RecordKind::Barrier => {
                Mark::Numbered { epoch: u64::from(self.epoch), sequence: u64::from(self.sequence) }
            }
        }
    }
}
