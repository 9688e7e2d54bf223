//! The local store (rule 12): written with its position, some moments after what it holds was acknowledged. It is a cache of the log:
//! a store that is behind is folded on from there.

use infra::state_store::Position;
use tokio::time::Instant;

use super::super::answer::Answer;
use super::{Broken, Changes, PartitionOwner};

/// How often the store is brought on, and outcomes are forgotten whose window is over. Many records at once cost far less than a few: a
/// popular room's head is written once for all its messages, and a crash only has to fold so much of the log again.
const STORE_EVERY: std::time::Duration = std::time::Duration::from_secs(1);
/// So many rows do not wait for their time: to write them keeps the partition from its work for some milliseconds.
const UNSTORED_ROWS_MAX: usize = 4_096;

impl PartitionOwner {
    /// Whether the store lacks something that was folded.
    pub(super) fn has_unstored(&self) -> bool {
        !self.changed.is_empty() || self.table.unstored() > 0
    }

    /// What an effective record of our own changes.
    pub(super) fn changes(&mut self, Changes { rows, executed, .. }: Changes) {
        self.changed.extend(rows);
        if let Some((key, executed)) = executed {
            self.table.remember(key, executed);
        }
    }

    /// The end of a batch: gives the answers that are due, and brings the store on when it is time.
    pub(super) fn folded(&mut self) -> Result<(), Broken> {
        self.pending.take_due().into_iter().for_each(Answer::give);
        if self.changed.len() + self.table.unstored() >= UNSTORED_ROWS_MAX || self.store_at <= Instant::now() {
            self.commit()?;
        }
        self.cool_down();
        Ok(())
    }

    /// Brings the store to the current position.
    pub(super) fn commit(&mut self) -> Result<(), Broken> {
        let position = Position { next_offset: self.next_offset, cursor: self.ownership.cursor() };
        let mut rows = self.table.take_rows(position.cursor.sequence);
        if self.store_at <= Instant::now() {
            self.store_at = Instant::now() + STORE_EVERY;
            rows.extend(self.table.forgotten(self.environment.limits.idempotency_window, self.environment.clock.now())?);
        }
        rows.extend(self.changed.drain());
        if !rows.is_empty() {
            self.store.commit(rows, position)?;
        }
        self.stored = position;
        self.cool_down();
        Ok(())
    }

    /// Lets streams cool whose state the store has. Where it lacks nothing, it may lag behind: the records in between change nothing when
    /// they are folded again.
    pub(super) fn cool_down(&mut self) {
        let stored = if self.has_unstored() { self.stored.cursor.sequence } else { self.ownership.cursor().sequence };
        self.streams.cool_down(stored);
    }
}
