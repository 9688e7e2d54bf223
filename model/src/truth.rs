//! What a reader of the whole log takes for true, and what must hold.

use crate::protocol::Node;
use crate::record::{COMMANDS, Kind, Record};

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

/// The two aggregates, each as the commands that were applied to it, the latest in the lowest digit (base 16).
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
    pub fn after(mut self, command: u8, ask: Ask) -> Self {
        let digit = u16::from(command) + 1;
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
    /// Acknowledged, and not effective.
    AcknowledgedNotEffective,
    /// Two effective events for one command.
    EffectiveTwice,
    /// Decided on what never was.
    DecidedOnWrongState,
    /// Two readers, two histories.
    FoldsDiffer,
    /// Seen, and gone.
    ReadVanished,
    /// Acknowledged, and gone.
    AcknowledgedVanished,
    /// Refused, and never true.
    RefusedUntruly,
    /// Nobody can serve any more.
    NobodyServes,
}

impl Broken {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AcknowledgedNotEffective,
        Self::EffectiveTwice,
        Self::DecidedOnWrongState,
        Self::FoldsDiffer,
        Self::ReadVanished,
        Self::AcknowledgedVanished,
        Self::RefusedUntruly,
        Self::NobodyServes,
    ];

    /// What it means, in a sentence.
    #[must_use]
    pub const fn told(self) -> &'static str {
        match self {
            Self::AcknowledgedNotEffective => {
                "A client was told that its command is done, but it is not effective in the log, or at another position."
            }
            Self::EffectiveTwice => "One command has two effective events.",
            Self::DecidedOnWrongState => "An effective event was decided on a state that the log never had at its place.",
            Self::FoldsDiffer => "A node's state differs from that of the log which it has read.",
            Self::ReadVanished => "A node has read a record that is not in the log any more.",
            Self::AcknowledgedVanished => "A command was acknowledged whose event is not in the log any more.",
            Self::RefusedUntruly => {
                "A command was refused for a state that the log had at no moment between question and answer."
            }
            Self::NobodyServes => "The faults are over and the partition is assigned, and yet no command is ever acknowledged.",
        }
    }
}

/// The fold of a log up to some record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Truth {
    /// The highest epoch claimed.
    pub epoch: u8,
    /// The last effective sequence.
    pub sequence: u8,
    /// The aggregates.
    pub state: State,
    /// The sequence at which each command is effective; 0 for none.
    pub executed: [u8; COMMANDS],
    /// Whether the last record counted.
    pub counted: bool,
    /// What is wrong with the log itself.
    pub broken: Option<Broken>,
}

impl Truth {
    /// Folds one record more, as every reader of the log does.
    #[must_use]
    pub fn after<N: Node>(mut self, record: &Record, asks: &[Ask; COMMANDS]) -> Self {
        self.counted = N::counts(&mut self.epoch, &mut self.sequence, record);
        let Kind::Event { command, basis } = record.kind else { return self };
        let (Some(ask), Some(executed)) = (asks.get(usize::from(command)), self.executed.get_mut(usize::from(command))) else {
            return self;
        };
        if !self.counted {
            return self;
        }
        if *executed != 0 {
            self.broken = Some(Broken::EffectiveTwice);
        }
        if basis != self.state.concerned(*ask) {
            self.broken = self.broken.or(Some(Broken::DecidedOnWrongState));
        }
        *executed = self.sequence;
        self.state = self.state.after(command, *ask);
        self
    }
}
