//! What the world needs of a node. The node itself is in `node.rs`: once around the production functions
//! ([`crate::production`]), and once around those of each mutant ([`crate::mutant`]).

use std::hash::Hash;

use crate::record::{Answer, COMMANDS, Record, Sent};
use crate::truth::{Ask, State};

/// A node of one protocol.
pub trait Node: Clone + Hash {
    /// A node that starts with nothing.
    fn fresh() -> Self;
    /// The process died and starts again from its local store.
    fn restarted(&self) -> Self;
    /// Any reader's rule: whether the record counts, for a reader that stands at `epoch` and `sequence`.
    fn counts(epoch: &mut u8, sequence: &mut u8, record: &Record) -> bool;
    /// What it remembers besides.
    fn memory(&self) -> &Memory;
    /// How it stands to the partition.
    fn standing(&self) -> Standing;
    /// What it has in flight.
    fn in_flight(&self) -> impl Iterator<Item = Sent>;
    /// Whether answers wait for a record of its own that is not written yet.
    fn has_unwitnessed(&self) -> bool;
    /// Claims the partition, if it wants to; over the session `fresh_session` if it has none.
    fn claim(&mut self, id: u8, fresh_session: u8) -> Option<Record>;
    /// Is asked for a command. Nothing if it takes none.
    fn ask(&mut self, command: u8, asks: &[Ask; COMMANDS], asked_at: u8) -> Option<Asked>;
    /// Writes a barrier, if it may.
    fn barrier(&mut self) -> Option<Record>;
    /// Reads the next record.
    fn fold(&mut self, record: &Record, asks: &[Ask; COMMANDS]);
    /// Gets a report that a record in flight is stored, perhaps with its offset. Says whether that changed anything.
    fn reported(&mut self, sent: Sent, offset: Option<u8>, asks: &[Ask; COMMANDS]) -> bool;
    /// Gets a report of failure, or none in time.
    fn failed(&mut self);
    /// The answers that may be given now.
    fn take_due(&mut self) -> Vec<Answer>;
}

/// What becomes of a command that a node was asked for.
#[derive(Debug, Clone, Copy)]
pub enum Asked {
    /// Its event was handed to the producer.
    Appended(Record),
    /// Its answer waits.
    Waits,
}

/// How a node stands to the partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It only reads.
    Following,
    /// Its claim is on its way.
    Claiming,
    /// It serves.
    Owning,
    /// It gave its epoch up.
    Ended,
}

/// What a node remembers besides ownership and what is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Memory {
    /// How many records of the log it has folded: the next offset.
    pub read: u8,
    /// The folded aggregates.
    pub state: State,
    /// The sequence at which each command was folded as effective; 0 for none.
    pub executed: [u8; COMMANDS],
    /// Its producer session; 0 for none.
    pub session: u8,
    /// How many records it has handed to that session.
    pub produced: u8,
    /// Whether it is to claim, after some pause.
    pub claim_due: bool,
}
