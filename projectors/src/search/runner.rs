//! Starts and stops the followers of the index as the assignment changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use infra::clock::{Clock as _, SystemClock};
use infra::log::{Assignment, Log, Offset, Topic, TopicPartition};
use infra::read_model::generations::Generation;
use infra::search::Search;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Options;
use super::follow::{Shared, feed, follow, oldest, show_lag};
use crate::Fault;
use crate::followers::Followers;
use crate::parked::Parking;

/// The search projector of one node.
pub struct Indexer {
    shared: Arc<Shared>,
}

impl Indexer {
    /// Joins the group, where there is one.
    ///
    /// # Errors
    /// [`Fault`] when the group cannot be joined. Whatever fails later is tried again, and seen in [`Options::status`].
    pub async fn start(options: Options, log: Arc<dyn Log>, search: Arc<dyn Search>) -> Result<Self, Fault> {
        let assignment: Arc<dyn Assignment> = match &options.group {
            Some(group) => Arc::from(log.assignment(group).await?),
            None => Arc::new(Everything::of(&*log)),
        };
        options.status.set_live(Generation::FIRST);
        let parking = Parking::new(Arc::clone(&log));
        Ok(Self { shared: Arc::new(Shared { options, log, search, assignment, parking }) })
    }

    /// Indexes until `stop`; then finishes the batches that were begun, and leaves the group.
    pub async fn run(self, stop: CancellationToken) {
        info!(index = self.shared.search.kind(), "the search projector started");
        tokio::select! {
            () = measure_lag(&self.shared) => {}
            () = take_away(&self.shared) => {}
            () = take_over(&self.shared) => {}
            () = supervise(&self.shared, &stop) => {}
        }
        self.shared.assignment.leave().await;
        info!("the search projector stopped");
    }
}

/// All partitions, always: for an index that belongs to one process.
struct Everything(watch::Sender<BTreeSet<PartitionId>>);

impl Everything {
    fn of(log: &dyn Log) -> Self {
        let of_topic = |topic| (0..log.partitions(Topic::from(topic)).get()).map(move |number| PartitionId { topic, number });
        Self(watch::Sender::new(EventTopic::ALL.into_iter().flat_map(of_topic).collect()))
    }
}

#[async_trait]
impl Assignment for Everything {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.0.subscribe()
    }
    fn commit(&self, _: PartitionId, _: Offset) {}
    async fn leave(&self) {}
}

async fn supervise(shared: &Arc<Shared>, stop: &CancellationToken) {
    let mut hint = shared.assignment.watch();
    let mut followers = Followers::new("indexing", shared.options.status.clone());
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = hint.changed() => {}
            // The first tick comes at once; the later ones bring back what ended by itself, but not in a hot loop.
            _ = tick.tick() => {}
            Some(()) = followers.one_ended() => continue,
        }
        let wanted = hint.borrow_and_update().iter().map(|id| feed(TopicPartition::from(*id))).collect();
        followers.reconcile(
            &wanted,
            |feed, stop| follow(Arc::clone(shared), feed.partition, stop),
            |feed| show_lag(feed.partition, 0),
        );
    }
    followers.stop().await;
}

/// Compares the checkpoints with the log's ends, again and again.
async fn measure_lag(shared: &Shared) {
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for partition in shared.options.status.partitions().into_keys() {
            match shared.log.end(partition).await {
                Ok(end) => shared.options.status.change_if_there(feed(partition), |progress| {
                    progress.end = Some(end);
                    show_lag(partition, end.saturating_sub(progress.checkpoint.unwrap_or_default().next_offset));
                }),
                Err(fault) => warn!(%partition, %fault, "the lag of the search index cannot be measured"),
            }
        }
    }
}

/// The node that follows this partition does what one node is enough for.
const MARK: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };

/// Takes away what is too old, again and again.
async fn take_away(shared: &Shared) {
    let Options { retention, expires, expiry_interval, .. } = shared.options;
    let Some(retention) = retention.filter(|_| expires) else { return std::future::pending().await };
    let mut tick = tokio::time::interval(expiry_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        // An index that can only do a part of it at once says so.
        while shared.assignment.watch().borrow().contains(&MARK) {
            match shared.search.expire(oldest(retention, SystemClock.now())).await {
                Ok(0) => break,
                Ok(pieces) => {
                    info!(pieces, "messages were taken out of the search index because they are older than they may be")
                }
                Err(fault) => {
                    warn!(%fault, "what is too old cannot be taken out of the search index; it is tried again");
                    break;
                }
            }
        }
    }
}

/// Has queries read this index, where it is one that was made beside an older one and holds what that holds.
async fn take_over(shared: &Shared) {
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if !shared.assignment.watch().borrow().contains(&MARK) {
            continue;
        }
        match shared.search.take_over().await {
            Ok(false) => {}
            Ok(true) => info!("searches read the index that was made anew; the indices before it may be deleted"),
            Err(fault) => warn!(%fault, "whether the index made anew may be read cannot be seen; it is tried again"),
        }
    }
}
