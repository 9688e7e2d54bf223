//! How far the tails have come, by partition.

use std::num::NonZeroU32;

use domain::Sequence;
use infra::log::Offset;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Where the tails are.
#[derive(Debug)]
pub struct Positions(Vec<watch::Sender<Position>>);

#[derive(Debug, Clone, Copy, Default)]
struct Position {
    next_offset: Offset,
    sequence: Sequence,
    /// Whether the log's end was reached once; never taken back.
    caught_up: bool,
}

impl Positions {
    /// Nobody has begun yet.
    #[must_use]
    pub fn new(partitions: NonZeroU32) -> Self {
        Self((0..partitions.get()).map(|_| watch::Sender::default()).collect())
    }

    /// The tail of `partition` has given everything before `next_offset` to the hub.
    pub fn advance(&self, partition: u32, next_offset: Offset, sequence: Sequence) {
        if let Some(position) = self.of(partition) {
            position.send_modify(|position| (position.next_offset, position.sequence) = (next_offset, sequence));
        }
    }

    /// It has come to the log's end.
    pub fn caught_up(&self, partition: u32) {
        if let Some(position) = self.of(partition) {
            position.send_if_modified(|position| !std::mem::replace(&mut position.caught_up, true));
        }
    }

    /// How many partitions have not come there yet.
    #[must_use]
    pub fn catching_up(&self) -> usize {
        self.0.iter().filter(|position| !position.borrow().caught_up).count()
    }

    /// Waits until the tail has passed everything before `offset`; the sequence then. Nothing when it does not by `deadline`.
    pub async fn passed(&self, partition: u32, offset: Offset, deadline: Instant) -> Option<Sequence> {
        let mut position = self.of(partition)?.subscribe();
        let passed = timeout_at(deadline, position.wait_for(|position| position.next_offset >= offset)).await;
        passed.ok()?.ok().map(|position| position.sequence)
    }

    fn of(&self, partition: u32) -> Option<&watch::Sender<Position>> {
        self.0.get(usize::try_from(partition).ok()?)
    }
}
