//! The nodes of command-api together: each owns some partitions, any takes any command and brings it to its owner (rule 11).
//!
//! * [`manager`]: follows the assignment, starts and stops partition owners, hands over on a planned stop;
//! * [`routing`]: who owns what, from this node's own partitions and the `owners` topic;
//! * [`question`]: what is asked of an owner, and its form between nodes;
//! * [`internal`]: the routes by which other nodes ask.

mod internal;
mod manager;
mod question;
mod routing;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{EventTopic, Pair, PartitionId};
use domain::{Command, RoomId, StreamId, UserId};
use futures_util::future::try_join_all;
use infra::clock::Clock;
use infra::log::{Log, partition_for};
use infra::state_store::StateStore;
use infra::tokens::Caller;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use internal::router as internal_router;
use manager::Manager;
use question::{Question, Reply};
use routing::{Route, Routing};

use crate::bus::{CommandBus, FACTS_AGE_MAX, Fault, Outcome, Standing};
use crate::partition::{CoolCache, Environment, Limits, ProducerPool};

/// The first pause before an owner is asked again; it doubles with each, up to [`ASK_AGAIN_MAX`].
const ASK_AGAIN: Duration = Duration::from_millis(10);
/// The longest pause before an owner is asked again.
const ASK_AGAIN_MAX: Duration = Duration::from_millis(250);
/// How long a connection to another node may take: a machine that is off does not even refuse.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// People remembered as active.
const ACTIVE_USERS_MAX: u64 = 100_000;

/// The settings of a node.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// This node's name: unique among the nodes that run.
    pub node: String,
    /// Where other nodes reach this node's internal listener, e.g. `http://10.0.0.7:9080`.
    pub internal_url: String,
    /// The folder of the local state store.
    pub state_folder: PathBuf,
    /// The consumer group by which nodes share the partitions.
    pub group: String,
    /// How many producer sessions the partitions share.
    pub producers: usize,
    /// Requests that may wait for one partition.
    pub queue_requests_max: usize,
    /// Records of one partition that may be in flight.
    pub in_flight_max: usize,
    /// Within which repeats of a command are recognised.
    pub idempotency_window: Duration,
    /// How long a command may take, finding its owner included, before its outcome is called unknown.
    pub command_timeout: Duration,
    /// Memory for folded state that is not in use, all partitions together.
    pub state_cache_bytes: u64,
    /// Memory for the local store's blocks.
    pub store_cache_bytes: u64,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            node: "node-1".to_owned(),
            internal_url: "http://127.0.0.1:9080".to_owned(),
            state_folder: PathBuf::from("data/state"),
            group: "command-api".to_owned(),
            producers: 2,
            queue_requests_max: 4_096,
            in_flight_max: 4_096,
            idempotency_window: Duration::from_secs(24 * 60 * 60),
            command_timeout: Duration::from_secs(15),
            state_cache_bytes: 128 << 20,
            store_cache_bytes: 32 << 20,
        }
    }
}

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// The log gives no session or no assignment.
    #[error(transparent)]
    Log(#[from] infra::log::Fault),
    /// The local store cannot be used.
    #[error(transparent)]
    Store(#[from] infra::state_store::Fault),
    /// The client towards other nodes cannot be made.
    #[error("the client towards other nodes cannot be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// One node of command-api.
pub struct Cluster {
    log: Arc<dyn Log>,
    routing: Arc<Routing>,
    manager: Manager,
    client: reqwest::Client,
    command_timeout: Duration,
    active_users: moka::sync::Cache<UserId, ()>,
}

impl Cluster {
    /// Starts the node: it joins the group and claims what it is assigned.
    ///
    /// # Errors
    /// [`StartFault`] when log or local store cannot be used.
    pub async fn start(options: ClusterOptions, log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> Result<Arc<Self>, StartFault> {
        let store = StateStore::open(&options.state_folder, &log.identity(), options.store_cache_bytes)?;
        let environment = Environment {
            pool: Arc::new(ProducerPool::start(Arc::clone(&log), options.producers)?),
            cool: CoolCache::new(options.state_cache_bytes),
            clock,
            node: options.node.clone(),
            url: options.internal_url.clone(),
            limits: Limits {
                queue_requests_max: options.queue_requests_max,
                in_flight_max: options.in_flight_max,
                idempotency_window: options.idempotency_window,
            },
            leaving: CancellationToken::new(),
            log: Arc::clone(&log),
        };
        let routing = Arc::new(Routing::new(options.node.clone()));
        let manager = Manager::start(environment, store, Arc::clone(&routing), &options.group).await?;
        let client =
            reqwest::Client::builder().tcp_nodelay(true).connect_timeout(CONNECT_MAX).timeout(options.command_timeout).build()?;
        let active_users = moka::sync::Cache::builder().max_capacity(ACTIVE_USERS_MAX).time_to_live(FACTS_AGE_MAX).build();
        Ok(Arc::new(Self { log, routing, manager, client, command_timeout: options.command_timeout, active_users }))
    }

    /// Resolves when the local store has failed, as on a full disk, to why: this node can own nothing until it starts anew, so its
    /// process should end. Never where that does not happen.
    pub async fn failed(&self) -> Arc<infra::state_store::Fault> {
        self.manager.failed().await
    }

    /// A planned stop (rule 14): names successors, serves until they own, drains the rest, leaves the group. Bounded to some seconds.
    pub async fn stop(&self) {
        self.manager.stop().await;
    }

    /// The partitions that no node is known to serve; empty when this node is ready to take commands.
    #[must_use]
    pub fn unserved(&self) -> Vec<PartitionId> {
        let unserved = |id: &PartitionId| self.routing.route(*id).is_none();
        EventTopic::ALL.into_iter().flat_map(|topic| self.partitions(topic)).filter(unserved).collect()
    }

    fn partitions(&self, topic: EventTopic) -> impl Iterator<Item = PartitionId> + use<> {
        (0..self.log.partitions(topic.into()).get()).map(move |number| PartitionId { topic, number })
    }

    fn partition_of(&self, stream: &StreamId) -> PartitionId {
        let topic = stream.topic();
        PartitionId { topic, number: partition_for(self.log.as_ref(), topic.into(), &stream.key()).partition }
    }

    /// Asks the partition's owner, wherever it is, until it answers or the time is over. Asking again is safe: a command keeps its
    /// id, and everything else only reads.
    async fn ask(&self, caller: &Caller, partition: PartitionId, question: Question) -> Result<Reply, Fault> {
        let deadline = Instant::now() + self.command_timeout;
        let mut pause = ASK_AGAIN;
        let mut last = Fault::NoOwner(partition);
        loop {
            let changed = self.routing.changed();
            let asked = match self.routing.route(partition) {
                Some(Route::Here(handle)) => question.clone().ask_here(&handle, partition, deadline).await,
                Some(Route::There(url)) => tokio::select! {
                    asked = question.ask_there(&self.client, &url, caller, partition, deadline) => asked,
                    // A node that is frozen, or was cut off, never answers; whoever owns now can say what became of the command.
                    () = self.routing.leads_elsewhere(partition, &url) => Err(Fault::OutcomeUnknown),
                },
                None => Err(Fault::NoOwner(partition)),
            };
            match asked {
                Err(Fault::NoOwner(_)) => {}
                Err(Fault::OutcomeUnknown) => last = Fault::OutcomeUnknown,
                settled => return settled,
            }
            if Instant::now() + pause >= deadline {
                return Err(last);
            }
            // Whatever comes first: the routing changes, or it is time to try the same way again.
            let _ = tokio::time::timeout(pause, changed).await;
            pause = (pause * 2).min(ASK_AGAIN_MAX);
        }
    }

    /// Answers another node's question, if this node owns the partition.
    async fn answer(&self, partition: PartitionId, question: Question) -> Result<Reply, Fault> {
        let deadline = Instant::now() + self.command_timeout;
        match self.routing.route(partition) {
            Some(Route::Here(handle)) => question.ask_here(&handle, partition, deadline).await,
            _ => Err(Fault::NoOwner(partition)),
        }
    }
}

#[async_trait]
impl CommandBus for Cluster {
    #[tracing::instrument(level = "debug", name = "command.execute", skip_all, fields(stream = %command.stream, command_id = %command.id))]
    async fn execute(&self, caller: &Caller, command: Command) -> Result<Outcome, Fault> {
        if command.authorise(&caller.user, caller.scope).is_err() {
            return Err(Fault::NotAllowed);
        }
        let partition = self.partition_of(&command.stream);
        match self.ask(caller, partition, Question::Execute(Arc::new(command))).await? {
            Reply::Outcome(outcome) => Ok(outcome),
            _ => Err(Fault::OutcomeUnknown),
        }
    }

    async fn active_users(&self, caller: &Caller, users: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        let (known, unknown): (Vec<_>, Vec<_>) = users.iter().cloned().partition(|user| self.active_users.contains_key(user));
        let mut active: BTreeSet<_> = known.into_iter().collect();
        let mut by_partition: BTreeMap<PartitionId, Vec<UserId>> = BTreeMap::new();
        for user in unknown {
            by_partition.entry(self.partition_of(&StreamId::User(user.clone()))).or_default().push(user);
        }
        let asked = by_partition.into_iter().map(|(partition, users)| self.ask(caller, partition, Question::ActiveUsers(users)));
        for reply in try_join_all(asked).await? {
            let Reply::ActiveUsers(users) = reply else { continue };
            users.iter().for_each(|user| self.active_users.insert(user.clone(), ()));
            active.extend(users);
        }
        Ok(active)
    }

    async fn blocked_users(&self, caller: &Caller, user: &UserId, others: &[UserId]) -> Result<BTreeSet<UserId>, Fault> {
        let mut by_partition: BTreeMap<PartitionId, Vec<Pair>> = BTreeMap::new();
        for pair in others.iter().filter_map(|other| Pair::of(user, other)) {
            by_partition.entry(self.partition_of(&StreamId::Relation(pair.clone()))).or_default().push(pair);
        }
        let asked = by_partition.into_iter().map(|(partition, pairs)| self.ask(caller, partition, Question::Blocked(pairs)));
        let mut blocked = BTreeSet::new();
        for reply in try_join_all(asked).await? {
            let Reply::Blocked(pairs) = reply else { return Err(Fault::OutcomeUnknown) };
            blocked.extend(pairs.iter().filter_map(|pair| pair.other(user)).cloned());
        }
        Ok(blocked)
    }

    async fn standing(&self, caller: &Caller, room: RoomId, user: &UserId) -> Result<Option<Standing>, Fault> {
        let partition = self.partition_of(&StreamId::Room(room));
        match self.ask(caller, partition, Question::Standing { room, user: user.clone() }).await? {
            Reply::Standing(standing) => Ok(standing),
            _ => Err(Fault::OutcomeUnknown),
        }
    }
}
