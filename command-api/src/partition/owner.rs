//! The task of one partition on one node: folds the log, claims, decides, appends, answers. One task, so nothing here is shared.
//!
//! This file is longer than most because the parent holds the branching and the state; what can be pure is in [`super::ownership`],
//! [`super::decision`] and [`super::pending`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::acceptance::Mark;
use domain::envelope::Envelope;
use domain::ids::PartitionId;
use domain::wire::{Claim, Entry, Record};
use domain::{StreamId, Timestamp};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use infra::clock::Clock;
use infra::log::{Appending, Fault as LogFault, Log, StoredRecord, Tail, TopicPartition};
use infra::random;
use infra::state_store::{self, PartitionStore, Position};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::decision::{self, Moment, Verdict, message_number};
use super::dedupe::{self, CommandKey, Executed};
use super::ownership::{Observation, Ownership, Phase};
use super::pending::{Answer, InFlight, Pending};
use super::pool::{Session, Slot};
use super::streams::{CoolCache, Streams};
use super::{Handle, ProducerPool, Request, rows};
use crate::bus::{Fault, Outcome};

/// At most so many records are folded into one commit of the local store.
const FOLD_RECORDS_MAX: usize = 1_024;
/// How long a read of the log waits for records; only the catching-up at the start depends on it.
const FOLD_WAIT_MAX: Duration = Duration::from_millis(500);
/// At most so many requests are taken before a barrier is considered and the log is read again.
const REQUESTS_BATCH_MAX: usize = 256;
/// How long a planned stop waits for what is in flight.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// The first back-off after a lost or superseded claim; it doubles with each, and is drawn at random below that.
const CLAIM_BACKOFF: Duration = Duration::from_millis(250);
/// The longest back-off.
const CLAIM_BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often outcomes whose window is over are forgotten.
const FORGET_EVERY: Duration = Duration::from_millis(500);

/// The limits of one partition's pipeline.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Requests that may wait for the task.
    pub queue_requests_max: usize,
    /// Records that may be in flight.
    pub in_flight_max: usize,
    /// Within which repeats are recognised.
    pub idempotency_window: Duration,
}

/// What a partition's task works with.
#[derive(Clone)]
pub(crate) struct Environment {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Producer sessions.
    pub pool: Arc<ProducerPool>,
    /// The cool tier of the folded state.
    pub cool: CoolCache,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// This node's name, as claims carry it.
    pub node: String,
    /// Where this node's internal listener is, as claims carry it.
    pub url: String,
    /// Limits.
    pub limits: Limits,
}

/// How the node stands to the partition, for routing and readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Reading, claiming, or between two claims: nothing is served.
    Following,
    /// Serving under this epoch.
    Owner(domain::Epoch),
}

/// The task.
pub(crate) struct PartitionOwner {
    partition: PartitionId,
    environment: Environment,
    slot: Slot,
    session: Session,
    store: PartitionStore,
    streams: Streams,
    ownership: Ownership,
    next_offset: u64,
    pending: Pending,
    appending: FuturesUnordered<Appending>,
    /// Rows of effective events that the store does not have yet; a later row for a key replaces an earlier one.
    changed: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Answers whose records are effective; given after the commit of the batch.
    due: Vec<Answer>,
    /// When to claim next; nothing while a claim is under way or the epoch is owned.
    claim_at: Option<Instant>,
    claims_failed: u32,
    /// The end of the log when its tail was opened: the first claim waits until the fold has come there.
    catch_up_to: Option<u64>,
    time: Timestamp,
    forget_at: Instant,
    role: watch::Sender<Role>,
}

impl PartitionOwner {
    /// Prepares the task; [`Self::run`] is to be spawned.
    ///
    /// # Errors
    /// When the local store fails.
    pub(crate) fn new(
        partition: PartitionId,
        store: PartitionStore,
        run: u64,
        environment: Environment,
    ) -> Result<(Self, watch::Receiver<Role>), state_store::Fault> {
        let position = store.position()?;
        let mut slot = environment.pool.slot(partition);
        let (role, watcher) = watch::channel(Role::Following);
        let owner = Self {
            partition,
            session: slot.session(),
            slot,
            streams: Streams::new(store.clone(), environment.cool.clone(), run),
            store,
            ownership: Ownership::following(position.cursor),
            next_offset: position.next_offset,
            pending: Pending::default(),
            appending: FuturesUnordered::new(),
            changed: HashMap::new(),
            due: Vec::new(),
            claim_at: None,
            claims_failed: 0,
            catch_up_to: Some(0),
            time: Timestamp::default(),
            forget_at: Instant::now() + FORGET_EVERY,
            role,
            environment,
        };
        Ok((owner, watcher))
    }

    /// The queue towards the task.
    pub(crate) fn queue(limits: Limits) -> (Handle, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(limits.queue_requests_max);
        (Handle { requests }, receiver)
    }

    /// Runs until `stop`, then drains what is in flight.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>, stop: CancellationToken) {
        let mut tail = None;
        loop {
            let Some(reader) = tail.as_mut() else {
                tail = self.open_tail(&stop).await;
                if tail.is_none() {
                    break;
                }
                continue;
            };
            let claim_at = self.claim_at;
            let may_take = self.pending.len() < self.environment.limits.in_flight_max;
            let folded = tokio::select! {
                () = stop.cancelled() => break,
                records = Tail::next(reader.as_mut(), FOLD_RECORDS_MAX, FOLD_WAIT_MAX) => self.fold(records),
                Some(appended) = self.appending.next() => { self.appended(appended); Ok(()) }
                () = self.slot.replaced() => { self.session_ended(); Ok(()) }
                () = wait_until(claim_at) => { self.claim(); Ok(()) }
                Some(request) = requests.recv(), if may_take => self.serve(request, &mut requests),
            };
            match folded {
                Ok(()) => {}
                Err(Broken::Tail) => tail = None,
                Err(Broken::Store(error)) => {
                    tracing::error!(partition = %self.partition, %error, "the local state store failed; it is folded anew from the log");
                    self.start_over();
                    tail = None;
                }
            }
        }
        self.drain(requests, tail).await;
    }

    /// Opens the tail at the current position, trying until it works; nothing when `stop` came first.
    async fn open_tail(&mut self, stop: &CancellationToken) -> Option<Box<dyn Tail>> {
        let log = Arc::clone(&self.environment.log);
        loop {
            let opened = tokio::select! {
                () = stop.cancelled() => return None,
                opened = tail_and_end(&log, self.partition.into(), self.next_offset) => opened,
            };
            match opened {
                Ok((tail, end)) => {
                    // Only the first time: a node that claimed before goes by its back-off.
                    self.catch_up_to = self.catch_up_to.map(|_| end);
                    self.claim_when_caught_up(false);
                    return Some(tail);
                }
                Err(LogFault::Misconfigured(reason)) if self.next_offset > 0 => {
                    tracing::warn!(partition = %self.partition, reason, "the local state is ahead of the log; it is folded anew");
                    self.start_over();
                }
                Err(error) => {
                    tracing::warn!(partition = %self.partition, %error, "the log cannot be read; trying again");
                    let pause = random::jitter(CLAIM_BACKOFF_MAX);
                    tokio::select! { () = stop.cancelled() => return None, () = tokio::time::sleep(pause) => {} }
                }
            }
        }
    }

    /// Schedules the first claim once the fold has come to where the log ended at the start, or no more records come.
    fn claim_when_caught_up(&mut self, quiet: bool) {
        if self.catch_up_to.is_some_and(|end| quiet || self.next_offset >= end) {
            self.catch_up_to = None;
            self.claim_at = Some(Instant::now());
        }
    }

    // --- reading ---------------------------------------------------------------------------------------------------------------

    fn fold(&mut self, records: Result<Vec<StoredRecord>, LogFault>) -> Result<(), Broken> {
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                tracing::warn!(partition = %self.partition, %error, "reading the log failed; opening it again");
                return Err(Broken::Tail);
            }
        };
        let quiet = records.is_empty();
        for stored in &records {
            self.fold_record(stored)?;
        }
        self.commit()?;
        self.claim_when_caught_up(quiet);
        Ok(())
    }

    fn fold_record(&mut self, stored: &StoredRecord) -> Result<(), Broken> {
        let record = &stored.record;
        let mark = record.mark();
        let claim_id = match mark {
            Mark::Claim { .. } => record.claim().map(|claim| claim.claim_id),
            _ => None,
        };
        let observation = self.ownership.observe(mark, claim_id);
        self.next_offset = stored.offset + 1;
        match observation {
            Observation::Effective(sequence) => match self.pending.confirmed(sequence) {
                Some(own) => {
                    self.changed.extend(own.rows);
                    self.due.extend(own.answers);
                }
                None => self.fold_foreign(record)?,
            },
            Observation::Forged => {
                tracing::error!(partition = %self.partition, "somebody else writes under this node's epoch; claiming again");
                self.fold_foreign(record)?;
                self.epoch_ended();
            }
            Observation::ClaimWon => {
                self.settle()?;
                self.claims_failed = 0;
                self.claim_at = None;
                if let Some((epoch, sequence)) = self.ownership.next() {
                    tracing::info!(partition = %self.partition, epoch, sequence, "owning the partition");
                    self.role.send_replace(Role::Owner(epoch));
                }
            }
            Observation::ClaimLost => self.claim_later(),
            Observation::Superseded => {
                self.settle()?;
                if !matches!(self.ownership.phase(), Phase::Claiming { .. }) {
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

    /// An effective record that this run did not write: history, or another owner's.
    fn fold_foreign(&mut self, record: &Record) -> Result<(), Broken> {
        match record.decode(self.partition.topic) {
            Ok(Entry::Event(envelope)) => self.evolve(&envelope),
            Ok(Entry::Barrier | Entry::Claim { .. }) => Ok(()),
            Err(error) => {
                self.mark_unreadable(&String::from_utf8_lossy(&record.key), &error.to_string());
                Ok(())
            }
        }
    }

    fn evolve(&mut self, envelope: &Envelope) -> Result<(), Broken> {
        let Envelope { stream, metadata, event } = envelope;
        let before = self.streams.state(stream, metadata.sequence)?.version();
        if metadata.stream_version != before + 1 {
            let why = format!("version {} follows {before}", metadata.stream_version);
            self.mark_unreadable(&stream.key(), &why);
            return Ok(());
        }
        let changed = self.streams.apply(stream, event, metadata.stream_version, metadata.sequence)?;
        self.changed.extend(changed);
        let executed = Executed::of(metadata, message_number(event));
        self.changed.extend(CommandKey::new(&metadata.actor, metadata.command_id).rows(&executed));
        Ok(())
    }

    /// Rule 15: the stream is refused from now on, the rest of the partition goes on.
    fn mark_unreadable(&mut self, stream: &str, why: &str) {
        tracing::error!(partition = %self.partition, stream, why, "a stream holds an event that cannot be read; its commands are refused");
        metrics::counter!("sarangbang_streams_unreadable_total").increment(1);
        self.changed.extend([rows::of_unreadable(stream, why)]);
    }

    /// Brings the store to the current position, then gives the answers that are due.
    fn commit(&mut self) -> Result<(), Broken> {
        let position = Position { next_offset: self.next_offset, cursor: self.ownership.cursor() };
        if !self.changed.is_empty() || self.forget_at <= Instant::now() {
            if self.forget_at <= Instant::now() {
                self.forget_at = Instant::now() + FORGET_EVERY;
                let now = self.environment.clock.now();
                self.changed.extend(dedupe::forgotten(&self.store, self.environment.limits.idempotency_window, now)?);
            }
            self.store.commit(self.changed.drain(), position)?;
        }
        // Without rows the store's position may lag behind; the records in between change nothing when they are folded again.
        self.streams.cool_down(position.cursor.sequence);
        self.due.drain(..).for_each(Answer::give);
        Ok(())
    }

    /// A claim was folded: what was in flight is effective by now, or never will be.
    fn settle(&mut self) -> Result<(), Broken> {
        self.commit()?;
        self.streams.forget_decided();
        self.pending.settle(&Fault::NoOwner(self.partition));
        self.role.send_replace(Role::Following);
        Ok(())
    }

    // --- claiming --------------------------------------------------------------------------------------------------------------

    fn claim(&mut self) {
        self.claim_at = None;
        self.session = self.slot.session();
        // What earlier sessions still report says nothing of this claim; the fold settles it.
        self.appending.clear();
        let claim_id = random::uuid_v4();
        let epoch = self.ownership.begin_claim(claim_id);
        let claim = Claim { claim_id, node: self.environment.node.clone(), url: self.environment.url.clone() };
        let record = Record::of_claim(self.partition, epoch, &claim, self.environment.clock.now());
        match self.session.producer().append(self.to(), record) {
            Ok(appending) => self.appending.push(appending),
            Err(error) => self.append_failed(&error),
        }
    }

    fn claim_later(&mut self) {
        let longest = CLAIM_BACKOFF.saturating_mul(2_u32.saturating_pow(self.claims_failed.min(16))).min(CLAIM_BACKOFF_MAX);
        self.claims_failed = self.claims_failed.saturating_add(1);
        self.claim_at = Some(Instant::now() + random::jitter(longest));
    }

    /// The epoch is in doubt (rule 6): append nothing more, take a new producer, claim again.
    fn epoch_ended(&mut self) {
        self.ownership.end();
        self.role.send_replace(Role::Following);
        self.slot.retire(&self.session);
        self.session = self.slot.session();
        self.claim_later();
    }

    /// Another partition of the slot found the session broken.
    fn session_ended(&mut self) {
        self.ownership.abandon_claim();
        self.epoch_ended();
    }

    fn appended(&mut self, appended: Result<Option<u64>, LogFault>) {
        // A success proves durability, not effect: only the fold acknowledges.
        if let Err(error) = appended {
            self.append_failed(&error);
        }
    }

    fn append_failed(&mut self, error: &LogFault) {
        tracing::warn!(partition = %self.partition, %error, "an append is in doubt; claiming again");
        metrics::counter!("sarangbang_appends_unconfirmed_total").increment(1);
        self.ownership.abandon_claim();
        // One broken session fails many appends: only the first of them ends the epoch and starts the back-off.
        if self.claim_at.is_none() {
            self.epoch_ended();
        }
    }

    /// The local store cannot be trusted: folds the log from its beginning.
    fn start_over(&mut self) {
        self.pending.settle(&Fault::OutcomeUnknown);
        self.due.drain(..).for_each(|answer| answer.fail(Fault::OutcomeUnknown));
        self.streams.forget_decided();
        self.changed.clear();
        if let Err(error) = self.store.clear() {
            tracing::error!(partition = %self.partition, %error, "the local state store cannot be cleared");
        }
        self.ownership = Ownership::following(domain::Cursor::default());
        self.next_offset = 0;
        self.catch_up_to = Some(0);
        self.claim_at = None;
        self.role.send_replace(Role::Following);
    }

    // --- deciding --------------------------------------------------------------------------------------------------------------

    /// Serves `first` and what waits behind it, then sees to it that every answer has a record to wait for.
    fn serve(&mut self, first: Request, requests: &mut mpsc::Receiver<Request>) -> Result<(), Broken> {
        let mut next = Some(first);
        let mut served = 0;
        while let Some(request) = next.take() {
            self.serve_one(request)?;
            served += 1;
            if served < REQUESTS_BATCH_MAX && self.pending.len() < self.environment.limits.in_flight_max {
                next = requests.try_recv().ok();
            }
        }
        if self.pending.needs_barrier() {
            self.append_barrier();
        }
        if self.pending.is_empty() {
            self.streams.cool_down(self.ownership.cursor().sequence);
        }
        Ok(())
    }

    fn serve_one(&mut self, request: Request) -> Result<(), Broken> {
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
                let verdict = decision::decide(&command, &moment, &mut self.streams, &self.pending, &self.store)?;
                match verdict {
                    Verdict::Append(envelope) => self.append_event(&envelope, reply)?,
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
                let mut active = Vec::new();
                for user in users {
                    let state = self.streams.state(&StreamId::User(user.clone()), next.saturating_sub(1))?;
                    if state.is_active_user() {
                        active.push(user);
                    }
                }
                self.pending.after_in_flight(Answer::new(reply, Ok(active)));
            }
            Request::Standing { room, user, reply } => {
                let standing = self.streams.state(&StreamId::Room(room), next.saturating_sub(1))?.standing(&user);
                self.pending.after_in_flight(Answer::new(reply, Ok(standing)));
            }
        }
        Ok(())
    }

    fn append_event(
        &mut self,
        envelope: &Envelope,
        reply: tokio::sync::oneshot::Sender<Result<Outcome, Fault>>,
    ) -> Result<(), Broken> {
        let record = Record::of_event(envelope);
        let (bytes, bytes_max) = (record.size_bytes(), self.environment.log.record_bytes_max());
        if bytes > bytes_max {
            // Refused before a sequence is drawn. It rests on the command alone, so it needs no witness.
            return Ok(drop(reply.send(Err(Fault::TooLarge { bytes, bytes_max }))));
        }
        match self.session.producer().append(self.to(), record) {
            Ok(appending) => self.appending.push(appending),
            // Nothing was sent: the sequence is still to be drawn.
            Err(LogFault::QueueFull) => return Ok(drop(reply.send(Err(Fault::Busy)))),
            Err(LogFault::TooLarge { bytes, bytes_max }) => {
                return Ok(drop(reply.send(Err(Fault::TooLarge { bytes, bytes_max }))));
            }
            Err(error) => {
                // It may have been sent: like a failed report, the outcome shows at the next claim. Until then, no answer.
                self.append_failed(&error);
                return Ok(drop(reply.send(Err(Fault::OutcomeUnknown))));
            }
        }
        self.ownership.drawn();
        let Envelope { stream, metadata, event } = envelope;
        let mut changed = self.streams.apply(stream, event, metadata.stream_version, metadata.sequence)?;
        let executed = Executed::of(metadata, message_number(event));
        let key = CommandKey::new(&metadata.actor, metadata.command_id);
        changed.extend(key.rows(&executed));
        let answers = vec![Answer::new(reply, Ok(self.outcome(executed, true)))];
        self.pending.push(InFlight { sequence: metadata.sequence, rows: changed, command: Some((key, executed)), answers });
        Ok(())
    }

    /// Writes something of our own for the answers that wait for it (rule 8).
    fn append_barrier(&mut self) {
        let Some((epoch, sequence)) = self.ownership.next() else {
            return self.pending.settle_unwitnessed(&Fault::NoOwner(self.partition));
        };
        let record = Record::of_barrier(self.partition, epoch, sequence, self.environment.clock.now());
        match self.session.producer().append(self.to(), record) {
            Ok(appending) => {
                self.appending.push(appending);
                self.ownership.drawn();
                self.pending.push(InFlight { sequence, rows: Vec::new(), command: None, answers: Vec::new() });
            }
            Err(error) => {
                self.pending.settle_unwitnessed(&Fault::NoOwner(self.partition));
                if !matches!(error, LogFault::QueueFull) {
                    self.append_failed(&error);
                }
            }
        }
    }

    fn outcome(&self, executed: Executed, changed: bool) -> Outcome {
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

    fn to(&self) -> TopicPartition {
        self.partition.into()
    }

    // --- ending ----------------------------------------------------------------------------------------------------------------

    /// Takes no more requests and waits, bounded, until what is in flight is effective.
    async fn drain(&mut self, mut requests: mpsc::Receiver<Request>, tail: Option<Box<dyn Tail>>) {
        requests.close();
        while let Ok(request) = requests.try_recv() {
            request.fail(Fault::NoOwner(self.partition));
        }
        self.role.send_replace(Role::Following);
        let Some(mut tail) = tail else { return };
        let drained = async {
            while !self.pending.is_empty() && matches!(self.ownership.phase(), Phase::Owning { .. }) {
                let records = tail.next(FOLD_RECORDS_MAX, FOLD_WAIT_MAX).await;
                if self.fold(records).is_err() {
                    break;
                }
            }
        };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() || !self.pending.is_empty() {
            tracing::warn!(partition = %self.partition, in_flight = self.pending.len(), "stopped with records in flight");
        }
    }
}

/// Why the task cannot go on as it is.
#[derive(Debug)]
enum Broken {
    /// The tail must be opened again.
    Tail,
    /// The local store failed.
    Store(state_store::Fault),
}

impl From<state_store::Fault> for Broken {
    fn from(fault: state_store::Fault) -> Self {
        Self::Store(fault)
    }
}

/// Opens the tail, and says where the log ended just before.
async fn tail_and_end(log: &Arc<dyn Log>, of: TopicPartition, from: u64) -> Result<(Box<dyn Tail>, u64), LogFault> {
    let end = log.end(of).await?;
    Ok((log.tail(of, from).await?, end))
}

fn count_ignored(reason: &'static str) {
    metrics::counter!("sarangbang_records_ignored_total", "reader" => "owner", "reason" => reason).increment(1);
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
