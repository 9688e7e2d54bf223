//! What stands in the log, or is on its way there.

/// The commands of a run, by number; the last one is the probe.
pub const COMMANDS: usize = 4;
/// The command with which the search asks whether somebody still serves.
pub const PROBE: u8 = 3;

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Record {
    /// The writer's epoch, or the one claimed.
    pub epoch: u8,
    /// Its sequence; 0 for a claim.
    pub sequence: u8,
    /// What it is.
    pub kind: Kind,
    /// How its producer knows it.
    pub sent: Sent,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A claim.
    Claim {
        /// Its fresh id.
        id: u8,
    },
    /// A command's event.
    Event {
        /// The command.
        command: u8,
        /// The state that it was decided on, as far as it concerned the command.
        basis: u16,
    },
    /// A barrier.
    Barrier,
}

/// A record's place among those of its producer session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sent {
    /// The session, from 1.
    pub session: u8,
    /// From 0.
    pub place: u8,
}

/// An answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Answer {
    /// "It is done, at this sequence."
    Done {
        /// The command.
        command: u8,
        /// The sequence.
        sequence: u8,
    },
    /// "No", because the state concerned is this.
    Refused {
        /// The command.
        command: u8,
        /// The state that it was decided on, as far as it concerned the command.
        basis: u16,
        /// How much of the log was committed when it was asked.
        asked_at: u8,
    },
}
