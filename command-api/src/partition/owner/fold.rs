//! Reading: the fold of the partition, from which every answer comes (rules 4, 5 and 15).

use domain::acceptance::{Cursor, Mark};
use domain::envelope::Envelope;
use domain::wire::{Entry, Record};
use infra::log::{Fault as LogFault, StoredRecord};
use tokio::time::Instant;

use super::super::decision::message_number;
use super::super::dedupe::{self, CommandKey, Executed};
use super::super::ownership::{Observation, Phase};
use super::{Broken, PartitionOwner, Role};
use crate::bus::Fault;

impl PartitionOwner {
    pub(super) fn fold(&mut self, records: Result<Vec<StoredRecord>, LogFault>) -> Result<(), Broken> {
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "reading the log failed; opening it again");
                return Err(Broken::Tail);
            }
        };
        let quiet = records.is_empty();
        // What was folded by a report is not folded again, whatever a tail had under way.
        let unfolded = self.next_offset;
        for stored in records.iter().filter(|stored| stored.offset >= unfolded) {
            self.fold_record(stored)?;
        }
        self.behind &= !self.pending.is_empty();
        self.folded()?;
        self.claim_when_caught_up(quiet);
        Ok(())
    }

    pub(super) fn fold_record(&mut self, stored: &StoredRecord) -> Result<(), Broken> {
        let record = &stored.record;
        let mark = record.mark();
        let claim_id = match mark {
            Mark::Claim { .. } => record.claim().map(|claim| claim.claim_id),
            _ => None,
        };
        if self.is_usurped(mark, record) {
            tracing::error!(partition = %self.partition, "what stands under a sequence of this node's is not what it wrote; claiming again");
            // What was decided since rests on something that did not happen. The store stays before this record until it is folded.
            self.settle(&Fault::OutcomeUnknown)?;
            if matches!(self.ownership.phase(), Phase::Owning { .. }) {
                self.epoch_ended();
            }
        }
        let observation = self.ownership.observe(mark, claim_id);
        self.next_offset = stored.offset + 1;
        match observation {
            Observation::Effective(sequence) => match self.pending.confirmed(sequence) {
                Some(changes) => self.changes(changes),
                None => self.fold_foreign(record)?,
            },
            Observation::Forged => {
                tracing::error!(partition = %self.partition, "somebody else writes under this node's epoch; claiming again");
                self.fold_foreign(record)?;
                self.epoch_ended();
            }
            Observation::ClaimWon => {
                self.settle(&Fault::NoOwner(self.partition))?;
                self.owning_since = Some(Instant::now());
                self.claim_at = None;
                if let Some((epoch, sequence)) = self.ownership.next() {
                    tracing::info!(partition = %self.partition, epoch, sequence, "owning the partition");
                    self.role.send_replace(Role::Owner(epoch));
                }
            }
            Observation::ClaimLost => self.claim_later(),
            Observation::Superseded { claim_again } => {
                self.settle(&Fault::NoOwner(self.partition))?;
                if claim_again {
                    self.claim_later();
                }
            }
            Observation::Ignored(why) => count_ignored(why.label()),
            Observation::OwnIgnored(why) => {
                count_ignored(why.label());
                tracing::warn!(partition = %self.partition, reason = why.label(), "an own record does not count; claiming again");
                self.epoch_ended();
            }
        }
        Ok(())
    }

    /// Whether `record` takes the sequence of what this node has in flight first, and is something else.
    fn is_usurped(&self, mark: Mark, record: &Record) -> bool {
        let Cursor { epoch, sequence } = self.ownership.cursor();
        let Some(own) = self.pending.in_flight().next() else { return false };
        mark == (Mark::Numbered { epoch, sequence: own.sequence })
            && own.sequence == sequence + 1
            && !own.rows.wrote(record, self.partition)
    }

    /// An effective record that this run did not write: history, or another owner's.
    pub(super) fn fold_foreign(&mut self, record: &Record) -> Result<(), Broken> {
        match record.decode(self.partition.topic) {
            Ok(Entry::Event(envelope)) if record.header("ce_type") == Some(envelope.event.type_name()) => {
                self.evolve(&envelope, &record.value)
            }
            // Of an older form: the store has only current ones.
            Ok(Entry::Event(envelope)) => self.evolve(&envelope, &envelope.event.to_json()),
            Ok(Entry::Barrier | Entry::Claim { .. }) => Ok(()),
            Err(error) => {
                self.mark_unreadable(&String::from_utf8_lossy(&record.key), &error.to_string());
                Ok(())
            }
        }
    }

    fn evolve(&mut self, envelope: &Envelope, body: &[u8]) -> Result<(), Broken> {
        let Envelope { stream, metadata, event } = envelope;
        let before = self.streams.state(stream, metadata.sequence)?.version();
        if metadata.stream_version != before + 1 {
            let why = format!("version {} follows {before}", metadata.stream_version);
            self.mark_unreadable(&stream.key(), &why);
            return Ok(());
        }
        let changed = self.streams.apply(envelope, body)?;
        self.changed.extend(changed);
        // A replay of old history need not remember what no repeat can ask for any more.
        let key = CommandKey::new(&metadata.actor, metadata.command_id);
        let (window, now) = (self.environment.limits.idempotency_window, self.environment.clock.now());
        if dedupe::within(key.remembered_from(metadata.time), window, now) {
            self.table.remember(key, Executed::of(metadata, message_number(event)));
        }
        Ok(())
    }

    /// Rule 15: the stream is refused from now on, the rest of the partition goes on.
    pub(super) fn mark_unreadable(&mut self, stream: &str, why: &str) {
        tracing::error!(partition = %self.partition, stream, why, "a stream holds an event that cannot be read; its commands are refused");
        metrics::counter!("sarangbang_streams_unreadable_total").increment(1);
        let row = self.streams.mark_unreadable(stream, why);
        self.changed.extend([row]);
    }

    /// Nothing in flight will be confirmed any more; its answers are `fault`. After a claim was folded, what is not effective by now
    /// never will be.
    fn settle(&mut self, fault: &Fault) -> Result<(), Broken> {
        self.folded()?;
        self.commit()?;
        self.streams.forget_decided();
        self.pending.settle().into_iter().for_each(|answer| answer.fail(fault.clone()));
        self.role.send_replace(Role::Following);
        Ok(())
    }
}

fn count_ignored(reason: &'static str) {
    metrics::counter!("sarangbang_records_ignored_total", "reader" => "owner", "reason" => reason).increment(1);
}
