//! The task of one partition on one node: folds the log, claims, decides, appends, answers. One task, so nothing here is shared.
//! Here are its state and its loop; [`fold`] reads, [`reported`] folds without reading, [`store`] writes the local store, [`claim`]
//! claims and gives up, [`serve`] decides and appends.

mod claim;
mod fold;
mod reported;
mod serve;
mod store;

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use domain::envelope::Envelope;
use domain::ids::PartitionId;
use domain::wire::{Entry, Record};
use infra::clock::Clock;
use infra::log::{Fault as LogFault, Log, Reports, StoredRecord, Tail, TopicPartition};
use infra::random;
use infra::state_store::{self, PartitionStore, Position, Row};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::dedupe::{CommandKey, Executed, Table};
use super::ownership::{Ownership, Phase};
use super::pool::{Session, Slot};
use super::streams::{CoolCache, Streams};
use super::{Handle, ProducerPool, Request, pending};
use crate::bus::Fault;

/// At most so many records are folded before requests are looked at again.
const FOLD_RECORDS_MAX: usize = 1_024;
/// How long a read of the log waits for records; only the catching-up at the start depends on it.
const FOLD_WAIT_MAX: Duration = Duration::from_millis(500);
/// How often an owner at work looks at what has waited for its time: rows for the local store, the log of an owner that has become
/// idle, reports that do not come.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The longest pause before a log that could not be read is tried again.
const REOPEN_PAUSE_MAX: Duration = Duration::from_secs(2);
/// How long a planned stop waits for what is in flight.
const DRAIN_MAX: Duration = Duration::from_secs(5);

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
    /// Cancelled when this node is leaving: its owners serve on, claim no more, and read their logs to notice their successors.
    pub leaving: CancellationToken,
}

/// What is in flight in a partition.
pub(super) type Pending = pending::Pending<CommandKey, Executed, Changes, Answer>;

/// What a record in flight changes once it is effective.
#[derive(Default)]
pub(super) struct Changes {
    /// Rows of the folded state.
    rows: Vec<Row>,
    /// The command that was executed.
    executed: Option<(CommandKey, Executed)>,
    /// The event that was handed to the log; none for a barrier.
    event: Option<Box<Envelope>>,
}

impl Changes {
    /// Whether `record`, which stands where this was to stand, is what was written: by its number alone it could be anybody's.
    fn wrote(&self, record: &Record, partition: PartitionId) -> bool {
        match &self.event {
            Some(envelope) => *record == Record::of_event(envelope),
            None => matches!(record.decode(partition.topic), Ok(Entry::Barrier)),
        }
    }
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
    /// Where the current session reports what became of appends, by their sequences; a claim's under [`claim::CLAIM`].
    reports: Arc<Reports>,
    /// What has no report yet, and since when.
    unreported: VecDeque<(u64, Instant)>,
    /// A report did not say where the next record stands: the log is read, until one does again.
    behind: bool,
    /// Something was appended since the last look.
    busy: bool,
    /// Nothing was appended between two looks: the log is read, to notice what others write.
    quiet: bool,
    /// The effective commands.
    table: Table,
    /// Rows of effective events that the store does not have yet; a later row for a key replaces an earlier one.
    changed: HashMap<Vec<u8>, Option<Vec<u8>>>,
    /// Where the store stands.
    stored: Position,
    /// When to claim next; nothing while a claim is under way or the epoch is owned.
    claim_at: Option<Instant>,
    claims_failed: u32,
    /// Since when the current epoch is owned.
    owning_since: Option<Instant>,
    /// The end of the log when its tail was opened: the first claim waits until the fold has come there.
    catch_up_to: Option<u64>,
    /// The node is leaving.
    leaving: bool,
    time: Timestamp,
    /// When the local store is to be brought on next.
    store_at: Instant,
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
            streams: Streams::new(store.clone(), environment.cool.clone(), run)?,
            table: Table::new(store.clone())?,
            store,
            stored: position,
            ownership: Ownership::following(position.cursor),
            next_offset: position.next_offset,
            pending: Pending::default(),
            reports: Reports::new(),
            unreported: VecDeque::new(),
            behind: false,
            busy: false,
            quiet: false,
            changed: HashMap::new(),
            claim_at: None,
            claims_failed: 0,
            owning_since: None,
            catch_up_to: Some(0),
            leaving: false,
            time: Timestamp::default(),
            store_at: Instant::now(),
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
    ///
    /// # Errors
    /// When the local store cannot be written or read, as on a full disk: it takes nothing more until the process starts anew.
    pub(crate) async fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), state_store::Fault> {
        // Made once: to begin to wait for a token takes its lock, which every owner of the node shares.
        let mut stopped = pin!(stop.cancelled());
        let mut left = pin!(self.environment.leaving.clone().cancelled_owned());
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tail = None;
        loop {
            let Some(reader) = tail.as_mut() else {
                tail = self.open_tail(&stop).await;
                if tail.is_none() {
                    break;
                }
                continue;
            };
            let claim_at = self.claim_at.filter(|_| !self.leaving);
            let may_take = self.pending.len() < self.environment.limits.in_flight_max;
            let (reads, looks_on) = (self.reads(), self.has_to_look());
            let reports = Arc::clone(&self.reports);
            let folded = tokio::select! {
                () = &mut stopped => break,
                () = &mut left, if !self.leaving => { self.leaving = true; Ok(()) }
                reports = reports.take() => self.reported(reports),
                records = read(reader.as_mut(), self.next_offset), if reads => self.fold(records),
                () = self.slot.replaced() => { self.session_ended(); Ok(()) }
                () = wait_until(claim_at) => { self.claim(); Ok(()) }
                _ = looks.tick(), if looks_on => self.look(),
                Some(request) = requests.recv(), if may_take => self.serve(request, &mut requests),
            };
            match folded {
                Ok(()) => {}
                Err(Broken::Tail) => tail = None,
                Err(Broken::Store(error @ state_store::Fault::Damaged { .. })) => {
                    tracing::error!(partition = %self.partition, %error, "the local state is damaged; it is folded anew from the log");
                    self.give_up();
                    return Ok(());
                }
                Err(Broken::Store(error)) => {
                    self.abandon();
                    return Err(error);
                }
            }
        }
        self.drain(requests, tail).await;
        Ok(())
    }

    /// Whether the log must be read: by whoever does not own, is not told where the next record stands, has nothing else to do, or
    /// expects a successor.
    fn reads(&self) -> bool {
        self.behind || self.quiet || self.leaving || !matches!(self.ownership.phase(), Phase::Owning { .. })
    }

    fn has_to_look(&self) -> bool {
        !self.quiet || self.has_unstored() || !self.unreported.is_empty()
    }

    /// Does what has waited for its time.
    fn look(&mut self) -> Result<(), Broken> {
        self.quiet = self.pending.is_empty() && !std::mem::take(&mut self.busy);
        if self.overdue() {
            self.unreported.clear();
            self.append_failed(&LogFault::Unconfirmed("no report came in time".to_owned()));
        }
        if self.has_unstored() && self.store_at <= Instant::now() {
            self.commit()?;
        }
        Ok(())
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
                    self.give_up();
                    return None;
                }
                Err(error) => {
                    tracing::warn!(partition = %self.partition, %error, "the log cannot be read; trying again");
                    let pause = random::jitter(REOPEN_PAUSE_MAX);
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
                let reports = Arc::clone(&self.reports);
                let folded = tokio::select! {
                    reports = reports.take() => self.reported(reports),
                    records = read(tail.as_mut(), self.next_offset) => self.fold(records),
                };
                if folded.is_err() {
                    return;
                }
            }
            if let Err(error) = self.commit() {
                tracing::warn!(partition = %self.partition, ?error, "the local state store was not written; it is behind, and goes on from there");
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

/// Reads on behind what was folded without reading.
async fn read(tail: &mut dyn Tail, next_offset: u64) -> Result<Vec<StoredRecord>, LogFault> {
    tail.skip_to(next_offset);
    tail.next(FOLD_RECORDS_MAX, FOLD_WAIT_MAX).await
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
