//! Folding without reading: a delivery report that says exactly where the next record stands (rule 5), and what is made of others.

use domain::acceptance::Sequence;
use infra::log::{Offset, Reported};
use tokio::time::Instant;

use super::super::ownership::Observation;
use super::claim::CLAIM;
use super::{Broken, PartitionOwner};

/// How long a report may take before the append's outcome is called unknown. Kafka's own limit is `log.delivery_timeout_ms`, and this
/// is the one of a log whose disk does not answer.
const REPORT_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(30);

impl PartitionOwner {
    /// Notes that a record was handed over, whose report is to come.
    pub(super) fn appended(&mut self, number: u64) {
        self.unreported.push_back((number, Instant::now()));
        (self.busy, self.quiet) = (true, false);
    }

    pub(super) fn overdue(&self) -> bool {
        self.unreported.front().is_some_and(|(_, since)| since.elapsed() > REPORT_WAIT_MAX)
    }

    /// Takes every report that is there: a group commit confirms hundreds at once.
    pub(super) fn reported(&mut self, reports: Vec<(u64, Reported)>) -> Result<(), Broken> {
        for (number, reported) in reports {
            if self.unreported.pop_front_if(|(first, _)| *first == number).is_none() {
                self.unreported.retain(|(other, _)| *other != number);
            }
            match reported {
                Err(error) => self.append_failed(&error),
                // A claim is folded by reading, with everything before it.
                Ok(_) if number == CLAIM => {}
                Ok(offset) => self.stored_at(number, offset)?,
            }
        }
        self.folded()
    }

    /// A success proves durability. It advances the fold only where it says what the next record is, and that record passes the
    /// acceptance rule as if it had been read; otherwise the log is read.
    fn stored_at(&mut self, sequence: Sequence, offset: Option<Offset>) -> Result<(), Broken> {
        if self.pending.first() == Some(sequence)
            && let Some(mark) = self.ownership.reported(sequence, offset, self.next_offset)
        {
            self.behind = false;
            self.next_offset += 1;
            let observation = self.ownership.observe(mark, None);
            if let Observation::Effective(sequence) = observation
                && let Some(changes) = self.pending.confirmed(sequence)
            {
                self.changes(changes);
                return Ok(());
            }
            // Both were asked before; to go on with a fold that disagrees with itself would be worse than to fold anew.
            tracing::error!(partition = %self.partition, sequence, ?observation, "a record that must be effective is not");
            self.epoch_ended();
            return Err(Broken::Tail);
        }
        // What was read already says nothing new.
        self.behind |= sequence > self.ownership.cursor().sequence;
        Ok(())
    }
}
