//! Claiming the partition, and giving an epoch up (rules 2 and 6).

use std::time::Duration;

use domain::wire::{Claim, Record};
use infra::log::{Fault as LogFault, Reports};
use infra::random;
use tokio::time::Instant;

use super::{PartitionOwner, Role};
use crate::bus::Fault;

/// Under which number a claim's report comes: it takes no sequence, and sequences begin at 1.
pub(super) const CLAIM: u64 = 0;
/// The first back-off after a lost or superseded claim; it doubles with each, and is drawn at random below that.
const CLAIM_BACKOFF: Duration = Duration::from_millis(250);
/// Who owned for so long was no party to a quarrel: the back-off starts anew.
const SETTLED_AFTER: Duration = Duration::from_secs(10);
/// The longest back-off.
const CLAIM_BACKOFF_MAX: Duration = Duration::from_secs(5);

impl PartitionOwner {
    pub(super) fn claim(&mut self) {
        self.claim_at = None;
        self.session = self.slot.session();
        // What earlier sessions still report says nothing of this claim; the fold settles it.
        self.reports = Reports::new();
        self.unreported.clear();
        self.behind = false;
        let claim_id = random::uuid_v4();
        let epoch = self.ownership.begin_claim(claim_id);
        let claim = Claim { claim_id, node: self.environment.node.clone(), url: self.environment.url.clone() };
        let record = Record::of_claim(self.partition, epoch, &claim, self.environment.clock.now());
        match self.session.send(self.to(), record, self.reports.report(CLAIM)) {
            Ok(()) => self.appended(CLAIM),
            Err(LogFault::QueueFull) => {
                // Nothing was sent, and the session is sound: others are using it.
                self.ownership.abandon_claim();
                self.claim_later();
            }
            Err(error) => self.append_failed(&error),
        }
    }

    pub(super) fn claim_later(&mut self) {
        if self.catch_up_to.is_some() {
            return; // The first claim comes with the end of the catching-up.
        }
        if self.owning_since.take().is_some_and(|since| since.elapsed() >= SETTLED_AFTER) {
            self.claims_failed = 0;
        }
        let longest = CLAIM_BACKOFF.saturating_mul(2_u32.saturating_pow(self.claims_failed.min(16))).min(CLAIM_BACKOFF_MAX);
        self.claims_failed = self.claims_failed.saturating_add(1);
        self.claim_at = Some(Instant::now() + random::jitter(longest));
    }

    /// The epoch is in doubt (rule 6): append nothing more, take a new producer, claim again.
    pub(super) fn epoch_ended(&mut self) {
        self.ownership.end();
        self.role.send_replace(Role::Following);
        self.slot.retire(&self.session);
        self.session = self.slot.session();
        self.claim_later();
    }

    /// Another partition of the slot found the session broken.
    pub(super) fn session_ended(&mut self) {
        self.ownership.abandon_claim();
        self.epoch_ended();
    }

    pub(super) fn append_failed(&mut self, error: &LogFault) {
        tracing::warn!(partition = %self.partition, %error, "an append is in doubt; claiming again");
        metrics::counter!("sarangbang_appends_unconfirmed_total").increment(1);
        self.ownership.abandon_claim();
        // One broken session fails many appends: only the first of them ends the epoch and starts the back-off.
        if self.claim_at.is_none() {
            self.epoch_ended();
        }
    }

    /// Answers whoever waits, for the task ends here.
    pub(super) fn abandon(&mut self) {
        self.role.send_replace(Role::Following);
        let unanswered = self.pending.settle().into_iter().chain(self.pending.take_due());
        unanswered.for_each(|answer| answer.fail(Fault::OutcomeUnknown));
    }

    /// The local store cannot be trusted: empties it and answers whoever waits. The task ends with this; the next one, which the
    /// manager starts, folds the log from its beginning.
    pub(super) fn give_up(&mut self) {
        self.abandon();
        if let Err(error) = self.store.clear() {
            // What is there is still one consistent state of the log, as each commit is.
            tracing::error!(partition = %self.partition, %error, "the local state store cannot be emptied");
        }
    }
}
