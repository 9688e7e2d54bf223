//! The acceptance rule: which records of a partition count.
//!
//! Kafka has no conditional append, so anybody who still believes to be the owner can write. The log fences them itself: every
//! reader (owner, projector, live tail) folds a partition in offset order through [`Cursor::accept`], and all come to the same
//! effective history, whatever stale writers added.
//!
//! Invariants:
//! * the epoch never falls, and rises only by a claim, by exactly one: so no record, whoever wrote it, uses up the epochs that
//!   are still to come (an honest claim is never farther ahead, for its claimant has folded a beginning of the same log);
//! * the sequence rises by exactly one with each effective event or barrier, and continues across epochs;
//! * so `(epoch, sequence)` names one effective record for ever.

use serde::{Deserialize, Serialize};

/// The term of one owner. 0 means that nobody has claimed the partition yet.
pub type Epoch = u64;

/// The number of an effective event or barrier in its partition, dense from 1.
pub type Sequence = u64;

/// What the rule needs to know of a record. Everything else in a record is payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Somebody claims the partition. Takes no sequence.
    Claim {
        /// The epoch claimed.
        epoch: Epoch,
    },
    /// An event, or a barrier: takes the next sequence.
    Numbered {
        /// The writer's epoch.
        epoch: Epoch,
        /// The sequence the writer drew for it.
        sequence: Sequence,
    },
    /// Not written under this protocol at all.
    Foreign,
}

/// How far a partition has been folded: the part of a checkpoint that an offset alone cannot give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Cursor {
    /// The highest epoch claimed so far.
    pub epoch: Epoch,
    /// The last effective sequence.
    pub sequence: Sequence,
}

/// What the rule says of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The claim, of the next epoch, is effective: that epoch begins.
    Claimed,
    /// The event or barrier is effective.
    Effective,
    /// The record does not count, for this reason.
    Ignored(Ignored),
}

/// Why a record does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A claim that is not above the current epoch: somebody else was first.
    LateClaim,
    /// A claim beyond the next epoch: nobody who has folded this log writes one.
    EarlyClaim,
    /// Written under an epoch that is over, or that was never claimed.
    WrongEpoch,
    /// Of the current epoch, but not the next in line: an earlier one was lost, or this one was already counted.
    OutOfSequence,
    /// Not ours.
    Foreign,
}

impl Ignored {
    /// The label under which the metric `sarangbang_records_ignored_total` counts it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::LateClaim => "late-claim",
            Self::EarlyClaim => "early-claim",
            Self::WrongEpoch => "wrong-epoch",
            Self::OutOfSequence => "out-of-sequence",
            Self::Foreign => "foreign",
        }
    }
}

impl Cursor {
    /// Judges the next record of the partition and moves on if it counts.
    pub const fn accept(&mut self, mark: Mark) -> Verdict {
        match mark {
            Mark::Claim { epoch } if epoch <= self.epoch => Verdict::Ignored(Ignored::LateClaim),
            Mark::Claim { epoch } if epoch - self.epoch > 1 => Verdict::Ignored(Ignored::EarlyClaim),
            Mark::Claim { epoch } => {
                self.epoch = epoch;
                Verdict::Claimed
            }
            // Epoch 0 is nobody's: without this, a record of "epoch 0, sequence 1" would count before any claim.
            Mark::Numbered { epoch, .. } if epoch != self.epoch || epoch == 0 => Verdict::Ignored(Ignored::WrongEpoch),
            Mark::Numbered { sequence, .. } if sequence != self.sequence.saturating_add(1) => {
                Verdict::Ignored(Ignored::OutOfSequence)
            }
            Mark::Numbered { sequence, .. } => {
                self.sequence = sequence;
                Verdict::Effective
            }
            Mark::Foreign => Verdict::Ignored(Ignored::Foreign),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fold(marks: &[Mark]) -> (Cursor, Vec<Verdict>) {
        let mut cursor = Cursor::default();
        let verdicts = marks.iter().map(|mark| cursor.accept(*mark)).collect();
        (cursor, verdicts)
    }
    const fn event(epoch: Epoch, sequence: Sequence) -> Mark {
        Mark::Numbered { epoch, sequence }
    }

    #[test]
    fn a_paused_owner_that_comes_back_is_ignored() {
        let (cursor, verdicts) =
            fold(&[Mark::Claim { epoch: 1 }, event(1, 1), Mark::Claim { epoch: 2 }, event(1, 2), event(2, 2), event(1, 3)]);
        assert_eq!(cursor, Cursor { epoch: 2, sequence: 2 });
        assert_eq!(verdicts.get(3), Some(&Verdict::Ignored(Ignored::WrongEpoch)));
        assert_eq!(verdicts.get(5), Some(&Verdict::Ignored(Ignored::WrongEpoch)));
    }

    #[test]
    fn what_follows_a_lost_record_is_ignored_until_the_next_claim() {
        let (cursor, verdicts) = fold(&[Mark::Claim { epoch: 1 }, event(1, 1), event(1, 3), event(1, 4)]);
        assert_eq!(cursor.sequence, 1);
        assert_eq!(verdicts.get(2), Some(&Verdict::Ignored(Ignored::OutOfSequence)));
        assert_eq!(verdicts.get(3), Some(&Verdict::Ignored(Ignored::OutOfSequence)));
    }

    #[test]
    fn of_two_claims_for_one_epoch_the_first_wins() {
        let (_, verdicts) = fold(&[Mark::Claim { epoch: 1 }, Mark::Claim { epoch: 1 }]);
        assert_eq!(verdicts, [Verdict::Claimed, Verdict::Ignored(Ignored::LateClaim)]);
    }

    #[test]
    fn a_claim_beyond_the_next_epoch_takes_nothing_away() {
        let (cursor, verdicts) = fold(&[
            Mark::Claim { epoch: 1 },
            Mark::Claim { epoch: u64::MAX },
            Mark::Claim { epoch: 3 },
            Mark::Claim { epoch: 2 },
        ]);
        let early = Verdict::Ignored(Ignored::EarlyClaim);
        assert_eq!(verdicts, [Verdict::Claimed, early, early, Verdict::Claimed], "the partition can still be claimed");
        assert_eq!(cursor.epoch, 2);
    }

    #[test]
    fn nothing_counts_before_the_first_claim() {
        let (cursor, _) = fold(&[event(0, 1), event(1, 1), Mark::Foreign]);
        assert_eq!(cursor, Cursor::default());
    }
}
