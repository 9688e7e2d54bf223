//! Who may write a partition: the state machine of one node's claim, pure, so that the model checker runs this very code.
//!
//! Rules 1–6 and 8 of `docs/protocol.md`. Invariants:
//! * nothing may be appended outside [`Phase::Owning`], and only a claim that was folded *with its own id* as effective leads there;
//! * a sequence is drawn once: after any doubt about one of them the phase is [`Phase::Ended`], and only a new claim leads on;
//! * whatever belongs to an epoch is settled as soon as a higher claim is folded: effective before it, or never.

use domain::acceptance::{Cursor, Epoch, Ignored, Mark, Sequence, Verdict};
use uuid::Uuid;

/// How one node stands to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// It only reads.
    Following,
    /// Its claim was handed to the log; nothing is served until it is folded.
    Claiming {
        /// How the claim is recognised.
        claim_id: Uuid,
    },
    /// It owns the partition's current epoch.
    Owning {
        /// The sequence that the next event or barrier takes.
        next: Sequence,
    },
    /// Its epoch is still the current one, but in doubt: nothing more may be appended under it.
    Ended,
}

/// What a folded record means for this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// An event or barrier is effective, whoever wrote it.
    Effective(Sequence),
    /// An event or barrier of this node's own epoch is effective that this node never drew: somebody forged it. What was decided
    /// since rests on a wrong state, so the epoch has ended.
    Forged,
    /// This node's claim is effective: state and first sequence are those of this moment.
    ClaimWon,
    /// This node's claim came too late.
    ClaimLost,
    /// Somebody else's claim is effective: what this node had in flight and is not effective yet never will be.
    Superseded {
        /// Whether this node, if the partition is still assigned to it, has to claim again: no claim of its own is on its way.
        claim_again: bool,
    },
    /// The record does not count.
    Ignored(Ignored),
    /// A record of this node's own epoch does not count: the epoch has ended.
    OwnIgnored(Ignored),
}

/// A node's view of the ownership of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ownership {
    cursor: Cursor,
    phase: Phase,
}

impl Ownership {
    /// Starts as a reader at `cursor`.
    #[must_use]
    pub const fn following(cursor: Cursor) -> Self {
        Self { cursor, phase: Phase::Following }
    }

    /// How far the partition is folded.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// How this node stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Begins a claim under a fresh id; gives the epoch to claim. Whatever was owned before is given up.
    pub const fn begin_claim(&mut self, claim_id: Uuid) -> Epoch {
        self.phase = Phase::Claiming { claim_id };
        self.cursor.epoch + 1
    }

    /// The claim's append failed or was not confirmed. Should it appear after all, it counts as anybody's.
    pub const fn abandon_claim(&mut self) {
        if matches!(self.phase, Phase::Claiming { .. }) {
            self.phase = Phase::Following;
        }
    }

    /// The epoch and sequence for the next append, if this node may append.
    #[must_use]
    pub const fn next(&self) -> Option<(Epoch, Sequence)> {
        match self.phase {
            Phase::Owning { next } => Some((self.cursor.epoch, next)),
            _ => None,
        }
    }

    /// The sequence that [`Self::next`] gave was handed to the producer: it is never used again.
    pub const fn drawn(&mut self) {
        if let Phase::Owning { next } = &mut self.phase {
            *next += 1;
        }
    }

    /// Something happened that leaves an append in doubt, or the node wants to append no more: ends the epoch for this node.
    pub const fn end(&mut self) {
        if matches!(self.phase, Phase::Owning { .. }) {
            self.phase = Phase::Ended;
        }
    }

    /// What a report of success says of the record at `next_offset`, the next one to fold: its mark, if it is certain that the record
    /// stands there; nothing if the log must be read. The record was handed over under this epoch as `sequence`.
    ///
    /// Librdkafka reports an offset it was not told as a negative one, and counts on from that for the rest of a batch: −1, 0, 1, …
    /// So an offset proves something only for the next sequence: all before it are folded, a claim besides, so that `next_offset` is
    /// beyond every number that was counted so.
    #[must_use]
    pub fn reported(&self, sequence: Sequence, offset: Option<u64>, next_offset: u64) -> Option<Mark> {
        let Phase::Owning { next } = self.phase else { return None };
        let certain = offset == Some(next_offset) && sequence == self.cursor.sequence + 1 && sequence < next;
        certain.then_some(Mark::Numbered { epoch: self.cursor.epoch, sequence })
    }

    /// Folds the next record of the partition. `claim_id` is the record's own, if it is a claim.
    pub fn observe(&mut self, mark: Mark, claim_id: Option<Uuid>) -> Observation {
        let own_claim = matches!(self.phase, Phase::Claiming { claim_id: own } if claim_id == Some(own));
        let own_epoch =
            matches!((self.phase, mark), (Phase::Owning { .. }, Mark::Numbered { epoch, .. }) if epoch == self.cursor.epoch);
        match self.cursor.accept(mark) {
            Verdict::Claimed if own_claim => {
                self.phase = Phase::Owning { next: self.cursor.sequence + 1 };
                Observation::ClaimWon
            }
            Verdict::Claimed => {
                // A claim of ours that is still on its way stays recognisable: it will be folded as lost.
                let claim_again = !matches!(self.phase, Phase::Claiming { .. });
                if claim_again {
                    self.phase = Phase::Following;
                }
                Observation::Superseded { claim_again }
            }
            Verdict::Effective => {
                if matches!(self.phase, Phase::Owning { next } if self.cursor.sequence >= next) {
                    self.phase = Phase::Ended;
                    return Observation::Forged;
                }
                Observation::Effective(self.cursor.sequence)
            }
            Verdict::Ignored(_) if own_claim => {
                self.phase = Phase::Following;
                Observation::ClaimLost
            }
            Verdict::Ignored(why) if own_epoch => {
                self.phase = Phase::Ended;
                Observation::OwnIgnored(why)
            }
            Verdict::Ignored(why) => Observation::Ignored(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const fn numbered(epoch: Epoch, sequence: Sequence) -> Mark {
        Mark::Numbered { epoch, sequence }
    }
    fn owner() -> Ownership {
        let mut node = Ownership::following(Cursor { epoch: 4, sequence: 10 });
        assert_eq!(node.begin_claim(MINE), 5);
        assert_eq!(node.next(), None, "nothing is served before the claim is folded");
        assert_eq!(node.observe(Mark::Claim { epoch: 5 }, Some(MINE)), Observation::ClaimWon);
        node
    }

    #[test]
    fn sequences_continue_across_epochs_and_are_drawn_once() {
        let mut node = owner();
        assert_eq!(node.next(), Some((5, 11)));
        node.drawn();
        assert_eq!(node.next(), Some((5, 12)));
        assert_eq!(node.observe(numbered(5, 11), None), Observation::Effective(11));
        assert_eq!(node.next(), Some((5, 12)));
    }

    #[test]
    fn anothers_claim_under_the_same_node_name_is_not_mine() {
        let mut node = Ownership::following(Cursor::default());
        let epoch = node.begin_claim(MINE);
        assert_eq!(node.observe(Mark::Claim { epoch }, Some(OTHER)), Observation::Superseded { claim_again: false });
        assert_eq!(node.observe(Mark::Claim { epoch }, Some(MINE)), Observation::ClaimLost);
        assert_eq!(node.phase(), Phase::Following);
    }

    #[test]
    fn a_higher_claim_ends_an_owner_and_its_late_records_are_ignored() {
        let mut node = owner();
        node.drawn();
        assert_eq!(node.observe(Mark::Claim { epoch: 6 }, Some(OTHER)), Observation::Superseded { claim_again: true });
        assert_eq!(node.next(), None);
        assert_eq!(node.observe(numbered(5, 11), None), Observation::Ignored(Ignored::WrongEpoch));
    }

    #[test]
    fn an_own_record_out_of_sequence_ends_the_epoch() {
        let mut node = owner();
        node.drawn();
        node.drawn();
        assert_eq!(node.observe(numbered(5, 12), None), Observation::OwnIgnored(Ignored::OutOfSequence));
        assert_eq!(node.next(), None);
        assert_eq!(node.begin_claim(OTHER), 6, "and only a higher epoch leads on");
    }

    #[test]
    fn after_a_doubt_nothing_is_appended_but_what_was_effective_still_counts() {
        let mut node = owner();
        node.drawn();
        node.end();
        assert_eq!(node.next(), None);
        assert_eq!(node.observe(numbered(5, 11), None), Observation::Effective(11));
    }

    #[test]
    fn an_abandoned_claim_that_appears_later_counts_as_anybodys() {
        let mut node = Ownership::following(Cursor::default());
        let epoch = node.begin_claim(MINE);
        node.abandon_claim();
        assert_eq!(node.observe(Mark::Claim { epoch }, Some(MINE)), Observation::Superseded { claim_again: true });
        assert_eq!(node.begin_claim(OTHER), 2, "it may claim again, above the ghost");
    }

    #[test]
    fn a_report_proves_only_that_the_next_sequence_stands_at_the_next_offset() {
        let mut node = owner();
        node.drawn();
        node.drawn();
        assert_eq!(node.reported(11, Some(20), 20), Some(numbered(5, 11)));
        assert_eq!(node.reported(11, None, 20), None, "stored, but nobody says where");
        assert_eq!(node.reported(11, Some(21), 20), None, "something stands between");
        assert_eq!(node.reported(11, Some(1), 20), None, "counted on from a missing offset, or read already");
        assert_eq!(node.reported(12, Some(20), 20), None, "the one before was lost, or its report is late");
        assert_eq!(node.reported(13, Some(20), 20), None, "never drawn");
        node.end();
        assert_eq!(node.reported(11, Some(20), 20), None, "in doubt");
        assert_eq!(Ownership::following(Cursor { epoch: 5, sequence: 10 }).reported(11, Some(20), 20), None, "another's");
    }

    #[test]
    fn a_forged_record_of_the_own_epoch_ends_it() {
        let mut node = owner();
        assert_eq!(node.observe(numbered(5, 11), None), Observation::Forged);
        assert_eq!(node.phase(), Phase::Ended);
    }
}
