//! Serving requests: deciding, appending, and what an answer waits for (rules 3, 7 and 8).

use domain::acceptance::Sequence;
use domain::envelope::Envelope;
use domain::wire::Record;
use domain::{StreamId, UserId};
use infra::log::{Fault as LogFault, TopicPartition};
use tokio::sync::{mpsc, oneshot};

use super::super::Request;
use super::super::answer::Answer;
use super::super::decision::{self, Moment, Verdict, message_number};
use super::super::dedupe::{CommandKey, Executed};
use super::super::pending::InFlight;
use super::{Broken, Changes, PartitionOwner};
use crate::bus::{Fault, Outcome};

/// At most so many requests are taken before a barrier is considered and the log is read again.
const REQUESTS_BATCH_MAX: usize = 256;

impl PartitionOwner {
    /// Serves `first` and what waits behind it, then sees to it that every answer has a record to wait for.
    pub(super) fn serve(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) -> Result<(), Broken> {
        let mut next = Some(first);
        let mut served = 0;
        while let Some(request) = next.take() {
            self.serve_one(request)?;
            served += 1;
            if served < REQUESTS_BATCH_MAX && self.pending.len() < self.environment.limits.in_flight_max {
                next = requests.try_recv().ok();
            }
        }
        if !self.pending.unwitnessed().is_empty() {
            self.append_barrier();
        }
        if self.pending.is_empty() {
            self.cool_down();
        }
        Ok(())
    }

    pub(super) fn serve_one(&mut self, request: Request) -> Result<(), Broken> {
        let Some((epoch, next)) = self.ownership.next() else {
            request.fail(Fault::NoOwner(self.partition));
            return Ok(());
        };
        match request {
            Request::Execute { command, reply } => {
                // Within one run the time never falls, whatever the machine's clock does.
                self.time = self.time.max(self.environment.clock.now());
                let window = self.environment.limits.idempotency_window;
                let moment = Moment { partition: self.partition, epoch, next, now: self.time, window };
                let verdict = decision::decide(&command, &moment, &mut self.streams, &self.pending, &self.table)?;
                match verdict {
                    Verdict::Append(envelope) => self.append_event(envelope, reply)?,
                    Verdict::Repeat(executed) => {
                        let outcome = self.outcome(executed, true);
                        self.pending.witness(Answer::new(reply, Ok(outcome)));
                    }
                    Verdict::AlreadySo(version) => {
                        let executed = Executed::nothing(next.saturating_sub(1), version, self.time);
                        let outcome = self.outcome(executed, false);
                        self.pending.witness(Answer::new(reply, Ok(outcome)));
                    }
                    Verdict::Refused(fault) => self.pending.witness(Answer::new(reply, Err(fault))),
                }
            }
            Request::ActiveUsers { users, reply } => {
                let active = self.active_users(users, next.saturating_sub(1))?;
                self.pending.witness(Answer::new(reply, active));
            }
            Request::Blocked { pairs, reply } => {
                let mut blocked = Vec::new();
                for pair in pairs {
                    let stream = StreamId::Relation(pair.clone());
                    // What cannot be read may be a block: nobody is brought together across it until somebody has looked.
                    if self.streams.is_unreadable(&stream) || self.streams.state(&stream, next.saturating_sub(1))?.is_blocked() {
                        blocked.push(pair);
                    }
                }
                self.pending.witness(Answer::new(reply, Ok(blocked)));
            }
            Request::Standing { room, user, reply } => {
                let stream = StreamId::Room(room);
                let standing = if self.streams.is_unreadable(&stream) {
                    Err(Fault::StreamUnreadable(stream))
                } else {
                    Ok(self.streams.state(&stream, next.saturating_sub(1))?.standing(&user))
                };
                self.pending.witness(Answer::new(reply, standing));
            }
        }
        Ok(())
    }

    /// Those of `users` who are active. Of a stream that cannot be read nothing is known, "no such person" neither (rule 15).
    fn active_users(&mut self, users: Vec<UserId>, sequence: Sequence) -> Result<Result<Vec<UserId>, Fault>, Broken> {
        let mut active = Vec::new();
        for user in users {
            let stream = StreamId::User(user.clone());
            if self.streams.is_unreadable(&stream) {
                return Ok(Err(Fault::StreamUnreadable(stream)));
            }
            if self.streams.state(&stream, sequence)?.is_active_user() {
                active.push(user);
            }
        }
        Ok(Ok(active))
    }

    pub(super) fn append_event(
        &mut self,
        envelope: Box<Envelope>,
        reply: oneshot::Sender<Result<Outcome, Fault>>,
    ) -> Result<(), Broken> {
        let record = Record::of_event(&envelope);
        let (bytes, bytes_max) = (record.size_bytes(), self.environment.log.record_bytes_max());
        if bytes > bytes_max {
            // Refused before a sequence is drawn. It rests on the command alone, so it needs no witness.
            drop(reply.send(Err(Fault::TooLarge { bytes, bytes_max })));
            return Ok(());
        }
        let Envelope { metadata, event, .. } = &*envelope;
        let body = record.value.clone();
        let report = self.reports.report(metadata.sequence);
        match self.session.send(self.to(), record, report) {
            Ok(()) => self.appended(metadata.sequence),
            // Nothing was sent: the sequence is still to be drawn.
            Err(LogFault::QueueFull) => {
                drop(reply.send(Err(Fault::Busy)));
                return Ok(());
            }
            Err(LogFault::TooLarge { bytes, bytes_max }) => {
                drop(reply.send(Err(Fault::TooLarge { bytes, bytes_max })));
                return Ok(());
            }
            Err(error) => {
                // It may have been sent: like a failed report, the outcome shows at the next claim. Until then, no answer.
                self.append_failed(&error);
                drop(reply.send(Err(Fault::OutcomeUnknown)));
                return Ok(());
            }
        }
        self.ownership.drawn();
        let rows = self.streams.apply(&envelope, &body)?;
        let command = (CommandKey::new(&metadata.actor, metadata.command_id), Executed::of(metadata, message_number(event)));
        let answers = vec![Answer::new(reply, Ok(self.outcome(command.1, true)))];
        let sequence = metadata.sequence;
        let rows = Changes { rows, executed: Some(command.clone()), event: Some(envelope) };
        self.pending.push(InFlight { sequence, rows, command: Some(command), answers });
        Ok(())
    }

    /// Writes something of our own for the answers that wait for it (rule 8).
    pub(super) fn append_barrier(&mut self) {
        let Some((epoch, sequence)) = self.ownership.next() else {
            return self.fail_unwitnessed(&Fault::NoOwner(self.partition));
        };
        let record = Record::of_barrier(self.partition, epoch, sequence, self.environment.clock.now());
        match self.session.send(self.to(), record, self.reports.report(sequence)) {
            Ok(()) => {
                self.appended(sequence);
                self.ownership.drawn();
                self.pending.push(InFlight { sequence, rows: Changes::default(), command: None, answers: Vec::new() });
            }
            Err(LogFault::QueueFull) => self.fail_unwitnessed(&Fault::Busy),
            Err(error) => {
                self.fail_unwitnessed(&Fault::NoOwner(self.partition));
                self.append_failed(&error);
            }
        }
    }

    fn fail_unwitnessed(&mut self, fault: &Fault) {
        self.pending.settle_unwitnessed().into_iter().for_each(|answer| answer.fail(fault.clone()));
    }

    pub(super) fn outcome(&self, executed: Executed, changed: bool) -> Outcome {
        Outcome {
            topic: self.partition.topic,
            partition: self.partition.number,
            sequence: executed.sequence,
            version: executed.version,
            number: executed.number,
            time: executed.time,
            changed,
        }
    }

    pub(super) fn to(&self) -> TopicPartition {
        self.partition.into()
    }
}
