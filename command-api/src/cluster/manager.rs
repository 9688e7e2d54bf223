//! Which partitions this node works on: follows the assignment and invitations, starts and stops partition owners, tells others who
//! owns what, and hands over on a planned stop. All of it is hints: safety never rests on this file (rule 1).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::ids::PartitionId;
use domain::wire::Record;
use futures_util::future::join_all;
use infra::log::{Assignment, Tail, Topic, TopicPartition, partition_for};
use infra::state_store::{self, StateStore};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StartFault;
use super::routing::{OwnerHint, Routing};
use crate::partition::{Environment, Handle, PartitionOwner, Role};

/// How long an invitation to take over counts, if the assignment does not follow.
const INVITATION: Duration = Duration::from_secs(30);
/// News that may wait to be read.
const NEWS_MAX: usize = 1_024;
/// The pause before an owner task that ended by itself is started again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// The pause before the other nodes are told again who owns a partition, after that failed.
const PUBLISH_AGAIN: Duration = Duration::from_secs(1);
/// How many hints are read at a time.
const HINTS_BATCH_MAX: usize = 256;
/// How long one read of the hints waits.
const HINTS_WAIT_MAX: Duration = Duration::from_secs(1);
/// The pause after the `owners` topic could not be read.
const HINTS_RETRY: Duration = Duration::from_secs(1);
/// How long naming a successor may take.
const NAMING_MAX: Duration = Duration::from_secs(2);
/// How long a planned stop serves on for a successor that is still folding the partition. Below `node.drain_ms_max`, so that what nobody
/// took is drained after that.
const RELIEF_MAX: Duration = Duration::from_secs(10);

/// The partitions of one node.
pub struct Manager {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    environment: Environment,
    store: StateStore,
    routing: Arc<Routing>,
    assignment: Box<dyn Assignment>,
    runs: AtomicU64,
    /// Why the local store takes nothing more: nothing can be owned here until the process starts anew.
    failed: watch::Sender<Option<Arc<state_store::Fault>>>,
}

/// What changes the partitions of a node, besides the assignment.
enum News {
    /// Another node that is leaving names this one as its successor.
    Invited(PartitionId),
    /// Another node owns the partition: an invitation to it is over.
    TakenByAnother(PartitionId),
    /// The owner task of the partition ended by itself, or could not start.
    Ended(PartitionId),
}

/// A partition owner of this node.
struct Running {
    stop: CancellationToken,
    role: watch::Receiver<Role>,
    task: JoinHandle<()>,
    publisher: JoinHandle<()>,
}

impl Manager {
    /// Joins the group and starts to follow the assignment.
    pub async fn start(
        environment: Environment,
        store: StateStore,
        routing: Arc<Routing>,
        group: &str,
    ) -> Result<Self, StartFault> {
        let assignment = environment.log.assignment(group).await?;
        let (runs, failed) = (AtomicU64::new(0), watch::Sender::new(None));
        let shared = Arc::new(Shared { environment, store, routing, assignment, runs, failed });
        let stop = CancellationToken::new();
        let (news, newspaper) = mpsc::channel(NEWS_MAX);
        for partition in 0..shared.environment.log.partitions(Topic::Owners).get() {
            let topic_partition = TopicPartition { topic: Topic::Owners, partition };
            tokio::spawn(Arc::clone(&shared).follow_hints(topic_partition, news.clone(), stop.clone()));
        }
        let task = tokio::spawn(Arc::clone(&shared).manage(news, newspaper, stop.clone()));
        Ok(Self { shared, stop, task: Mutex::new(Some(task)) })
    }

    /// Resolves when the local store has failed, to why; never where it does not.
    pub async fn failed(&self) -> Arc<state_store::Fault> {
        let mut failed = self.shared.failed.subscribe();
        let why = failed.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
        match why {
            Some(why) => why,
            None => std::future::pending().await,
        }
    }

    /// Names successors and serves until they own, drains what is left, leaves the group.
    pub async fn stop(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the task that manages partitions ended abnormally");
        }
        self.shared.assignment.leave().await;
    }
}

impl Shared {
    async fn manage(self: Arc<Self>, news: mpsc::Sender<News>, mut newspaper: mpsc::Receiver<News>, stop: CancellationToken) {
        let mut assigned = self.assignment.watch();
        let mut invited: HashMap<PartitionId, Instant> = HashMap::new();
        let mut running: HashMap<PartitionId, Running> = HashMap::new();
        loop {
            let wanted = wanted(&assigned.borrow_and_update(), &mut invited);
            self.stop_unwanted(&mut running, &wanted).await;
            for partition in wanted {
                if !running.contains_key(&partition)
                    && let Some(started) = self.start_owner(partition, &news)
                {
                    running.insert(partition, started);
                }
            }
            let expiry = invited.values().min().copied();
            tokio::select! {
                () = stop.cancelled() => break,
                changed = assigned.changed() => if changed.is_err() { break },
                Some(news) = newspaper.recv() => match news {
                    News::Invited(partition) => { invited.insert(partition, Instant::now() + INVITATION); }
                    News::TakenByAnother(partition) => { invited.remove(&partition); }
                    News::Ended(partition) => if let Some(ended) = running.remove(&partition) {
                        self.stop_owner(partition, ended).await;
                    }
                },
                () = sleep_until(expiry) => {}
            }
        }
        self.hand_over(running).await;
    }

    async fn stop_unwanted(&self, running: &mut HashMap<PartitionId, Running>, wanted: &BTreeSet<PartitionId>) {
        let stopped: Vec<_> = running.extract_if(|partition, _| !wanted.contains(partition)).collect();
        join_all(stopped.into_iter().map(|(partition, running)| self.stop_owner(partition, running))).await;
    }

    fn start_owner(self: &Arc<Self>, partition: PartitionId, news: &mpsc::Sender<News>) -> Option<Running> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let started = self
            .store
            .partition(partition)
            .and_then(|store| PartitionOwner::new(partition, store, run, self.environment.clone()));
        let (owner, role) = match started {
            Ok(started) => started,
            Err(error @ state_store::Fault::Damaged { .. }) => {
                tracing::error!(%partition, %error, "the local state of a partition cannot be read; trying again");
                tokio::spawn(tell_ended(partition, news.clone()));
                return None;
            }
            Err(error) => {
                self.store_failed(partition, error);
                return None;
            }
        };
        let (handle, requests) = PartitionOwner::queue(self.environment.limits);
        let stop = CancellationToken::new();
        self.routing.set_here(partition, handle.clone(), Role::Following);
        let publisher = tokio::spawn(Arc::clone(self).follow_role(partition, handle, role.clone()));
        let (stopped, news, shared) = (stop.clone(), news.clone(), Arc::clone(self));
        let task = tokio::spawn(async move {
            match tokio::spawn(owner.run(requests, stopped.clone())).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return shared.store_failed(partition, error),
                Err(error) => tracing::error!(%partition, %error, "a partition owner ended abnormally"),
            }
            if !stopped.is_cancelled() {
                tell_ended(partition, news).await;
            }
        });
        Some(Running { stop, role, task, publisher })
    }

    /// A store that failed once, as on a full disk, takes no write any more, and an owner that served on without it would hold
    /// everything in memory.
    fn store_failed(&self, partition: PartitionId, error: state_store::Fault) {
        tracing::error!(%partition, %error, "the local state store failed; this node can own nothing until it starts anew");
        self.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert_with(|| Arc::new(error));
            first
        });
    }

    /// Keeps the routing true to the owner's role at once, and tells the other nodes until they know.
    async fn follow_role(self: Arc<Self>, partition: PartitionId, handle: Handle, mut role: watch::Receiver<Role>) {
        let mut untold = None;
        loop {
            let tell = async {
                match untold {
                    Some(epoch) => self.publish(partition, epoch, None).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = role.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let now = *role.borrow_and_update();
                    self.routing.set_here(partition, handle.clone(), now);
                    untold = None;
                    if let Role::Owner(epoch) = now {
                        metrics::gauge!("sarangbang_partition_epoch", "partition" => partition.to_string()).set(epoch_gauge(epoch));
                        untold = Some(epoch);
                    }
                }
                told = tell => if told { untold = None } else { tokio::time::sleep(PUBLISH_AGAIN).await },
            }
        }
    }

    async fn stop_owner(&self, partition: PartitionId, running: Running) {
        running.stop.cancel();
        drop(running.task.await);
        // Its role sender is gone with the task, so the publisher ends by itself; waiting keeps the routing in order.
        drop(running.publisher.await);
        self.routing.remove_here(partition);
    }

    /// Rule 14: successors are named while this node still serves, and each claims when it has folded the partition; only then, or when
    /// that takes too long, this node's own part ends. The group is left after that.
    async fn hand_over(&self, running: HashMap<PartitionId, Running>) {
        self.environment.leaving.cancel();
        let others = self.routing.other_nodes();
        let handed = running.into_iter().enumerate().map(|(index, (partition, running))| {
            let successor = others.get(index.checked_rem(others.len()).unwrap_or_default()).cloned();
            async move {
                if let Some(successor) = successor {
                    self.wait_for_relief(partition, running.role.clone(), successor).await;
                }
                self.stop_owner(partition, running).await;
            }
        });
        join_all(handed).await;
    }

    /// Names the successor and waits until its claim has ended this node's epoch.
    async fn wait_for_relief(&self, partition: PartitionId, mut role: watch::Receiver<Role>, successor: String) {
        let Role::Owner(epoch) = *role.borrow_and_update() else { return };
        if !self.publish(partition, epoch, Some(successor.clone())).await {
            return;
        }
        let relieved = role.wait_for(|role| *role == Role::Following);
        if tokio::time::timeout(RELIEF_MAX, relieved).await.is_err() {
            tracing::warn!(%partition, successor, "the successor did not claim in time; the partition is without an owner until it does");
        }
    }

    /// Tells the other nodes; says whether it worked.
    async fn publish(&self, partition: PartitionId, epoch: domain::Epoch, successor: Option<String>) -> bool {
        let environment = &self.environment;
        let hint = OwnerHint { node: environment.node.clone(), url: environment.url.clone(), epoch, successor };
        let key = partition.to_string();
        let to = partition_for(environment.log.as_ref(), Topic::Owners, &key);
        let record = Record { key: key.into_bytes(), headers: Vec::new(), value: serde_json::to_vec(&hint).unwrap_or_default() };
        let session = environment.pool.slot(partition).session();
        let appended = match session.append(to, record) {
            Ok(appending) => tokio::time::timeout(NAMING_MAX, appending).await.map(|appended| appended.map(drop)),
            Err(error) => Ok(Err(error)),
        };
        match appended {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => tracing::warn!(%partition, %error, "the other nodes could not be told who owns a partition"),
            Err(_) => tracing::warn!(%partition, "telling the other nodes who owns a partition took too long"),
        }
        false
    }

    /// Follows the hints of other nodes. An invitation counts only when it is new: an old one has long been taken or refused.
    async fn follow_hints(self: Arc<Self>, of: TopicPartition, news: mpsc::Sender<News>, stop: CancellationToken) {
        let mut next_offset = 0;
        let mut news_from = None;
        while !stop.is_cancelled() {
            let log = &self.environment.log;
            let opened = async {
                let end = log.end(of).await?;
                Ok::<_, infra::log::Fault>((log.tail(of, next_offset).await?, end))
            };
            let Ok((mut tail, end)) =
                opened.await.inspect_err(|error| tracing::warn!(%of, %error, "the owners' hints cannot be read"))
            else {
                tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(HINTS_RETRY) => continue }
            };
            let news_from = *news_from.get_or_insert(end);
            loop {
                let read = tokio::select! {
                    () = stop.cancelled() => return,
                    read = Tail::next(tail.as_mut(), HINTS_BATCH_MAX, HINTS_WAIT_MAX) => read,
                };
                let Ok(records) = read else {
                    tokio::time::sleep(HINTS_RETRY).await;
                    break;
                };
                for stored in records {
                    next_offset = stored.offset + 1;
                    self.take_hint(&stored.record, stored.offset >= news_from, &news);
                }
            }
        }
    }

    fn take_hint(&self, record: &Record, new: bool, news: &mpsc::Sender<News>) {
        let partition = std::str::from_utf8(&record.key).ok().and_then(|key| key.parse::<PartitionId>().ok());
        let (Some(partition), Ok(hint)) = (partition, serde_json::from_slice::<OwnerHint>(&record.value)) else {
            tracing::warn!("a record of the owners topic cannot be read; it is only a hint");
            return;
        };
        // News that finds no place only delays the take-over, or its end, until the group's assignment says the same.
        if new && hint.successor.as_deref() == Some(&self.environment.node) {
            let _ = news.try_send(News::Invited(partition));
        } else if new && hint.node != self.environment.node {
            let _ = news.try_send(News::TakenByAnother(partition));
        }
        self.routing.set_hint(partition, hint);
    }
}

/// What this node should work on: what it is assigned, and what it was invited to while the assignment catches up.
fn wanted(assigned: &BTreeSet<PartitionId>, invited: &mut HashMap<PartitionId, Instant>) -> BTreeSet<PartitionId> {
    let now = Instant::now();
    invited.retain(|partition, until| *until > now && !assigned.contains(partition));
    assigned.iter().chain(invited.keys()).copied().collect()
}

/// Lets the manager start the partition's owner again, after a pause.
async fn tell_ended(partition: PartitionId, news: mpsc::Sender<News>) {
    tokio::time::sleep(RESTART_PAUSE).await;
    // Without a receiver the node is stopping.
    let _ = news.send(News::Ended(partition)).await;
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; epochs stay far below 2^52")]
const fn epoch_gauge(epoch: domain::Epoch) -> f64 {
    epoch as f64
}
