//! Starts and stops the followers as the assignment and the generations change.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::Timestamp;
use domain::ids::{EventTopic, PartitionId};
use infra::clock::{Clock, SystemClock};
use infra::log::{Log, Topic, TopicPartition};
use infra::read_model::generations::{ControlWatch, Generation, Generations};
use metrics::gauge;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use crate::followers::Followers;
use crate::models::Models;
use crate::operations::Operations;
use crate::parked::Parking;
use crate::partition::{Feed, Shared, follow};
use crate::{Fault, Options, Progress, rebuild};

/// The projectors of one node.
pub struct Projectors {
    shared: Arc<Shared>,
    /// Ends the reading of the control document.
    _reading: DropGuard,
}

impl Projectors {
    /// Joins the group and reads which generations there are.
    ///
    /// # Errors
    /// [`Fault`] when the group cannot be joined or the read model cannot be reached. Whatever fails later is tried again, and seen
    /// in [`Options::status`].
    pub async fn start(options: Options, log: Arc<dyn Log>, generations: Arc<dyn Generations>) -> Result<Self, Fault> {
        let reading = CancellationToken::new();
        let control = ControlWatch::start(Arc::clone(&generations), &reading).await?;
        let assignment = Arc::from(log.assignment(&options.group).await?);
        let models = Models::new(generations, control.clone());
        let parking = Parking::new(Arc::clone(&log));
        let shared = Arc::new(Shared { options, log, models, control, assignment, parking });
        Ok(Self { shared, _reading: reading.drop_guard() })
    }

    /// What an operator may ask for and about. Good for as long as the projectors run.
    #[must_use]
    pub fn operations(&self) -> Operations {
        Operations::new(Arc::clone(&self.shared))
    }

    /// Projects until `stop`; then finishes the batches that were begun, and leaves the group.
    pub async fn run(self, stop: CancellationToken) {
        let shared = &self.shared;
        info!(group = shared.options.group, read_model = shared.models.kind(), "projectors started");
        tokio::select! {
            () = measure_lag(shared) => {}
            () = rebuild::conduct(Arc::clone(shared)) => {}
            () = supervise(shared, &stop) => {}
        }
        shared.assignment.leave().await;
        info!("projectors stopped");
    }
}

async fn supervise(shared: &Arc<Shared>, stop: &CancellationToken) {
    let mut hint = shared.assignment.watch();
    let mut decided = shared.control.subscribe();
    let status = &shared.options.status;
    let mut followers = Followers::new("projecting", status.clone());
    let given_up = |feed: Feed| {
        if status.is_live(feed.generation) {
            // Its lag is for the node to tell that follows it now; the last value here would stand for ever.
            set_lag(feed.partition, 0, 0);
        }
    };
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = hint.changed() => {}
            Ok(()) = decided.changed() => {}
            // The first tick comes at once; the later ones bring back what ended by itself, but not in a hot loop.
            _ = tick.tick() => {}
            Some(()) = followers.one_ended() => continue,
        }
        let assigned = hint.borrow_and_update().clone();
        let control = decided.borrow_and_update().control.clone();
        let wanted = wanted(&assigned, &control.fed(), &*shared.log);
        followers.reconcile(&wanted, |feed, stop| follow(Arc::clone(shared), feed, stop), given_up);
        shared.models.keep(&control.kept()).await;
        status.set_live(control.live);
    }
    followers.stop().await;
}

/// What to feed from where: the partitions assigned, and of the read positions those whose number falls to an assigned partition of
/// rooms. Read positions have no owner, so any rule will do that leaves none out; two nodes on one are harmless.
fn wanted(assigned: &BTreeSet<PartitionId>, fed: &BTreeSet<Generation>, log: &dyn Log) -> BTreeSet<Feed> {
    let rooms = log.partitions(Topic::Rooms);
    let reads = (0..log.partitions(Topic::Reads).get())
        .filter(|partition| assigned.contains(&PartitionId { topic: EventTopic::Rooms, number: *partition % rooms }))
        .map(|partition| TopicPartition { topic: Topic::Reads, partition });
    let partitions = assigned.iter().map(|partition| TopicPartition::from(*partition)).chain(reads);
    partitions.flat_map(|partition| fed.iter().map(move |generation| Feed { generation: *generation, partition })).collect()
}

/// Compares the checkpoints with the log's ends, again and again.
async fn measure_lag(shared: &Shared) {
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let generation = shared.control.get().control.live;
        for partition in shared.options.status.partitions().into_keys() {
            match shared.log.end(partition).await {
                Ok(end) => {
                    shared.options.status.change_if_there(Feed { generation, partition }, |progress| {
                        progress.end = Some(end);
                        show_lag(partition, progress, end, SystemClock.now());
                    });
                }
                Err(fault) => warn!(%partition, %fault, "the lag cannot be measured"),
            }
        }
    }
}

fn show_lag(partition: TopicPartition, progress: &Progress, end: u64, now: Timestamp) {
    let records = end.saturating_sub(progress.checkpoint.unwrap_or_default().next_offset);
    // Behind, the lag is the age of the last event applied; at the end there is none, however old that event is.
    let behind = progress.event_at.filter(|_| records > 0);
    let lag_ms = behind.map_or(0, |at| now.as_millis().saturating_sub(at.as_millis()).max(0));
    set_lag(partition, records, lag_ms);
}

fn set_lag(partition: TopicPartition, records: u64, lag_ms: i64) {
    let labels = [("topic", partition.topic.base_name().to_owned()), ("partition", partition.partition.to_string())];
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; what is lost is beyond any use of it")]
    {
        gauge!("sarangbang_projector_lag_records", &labels).set(records as f64);
        gauge!("sarangbang_projector_lag_seconds", &labels).set(lag_ms as f64 / 1_000.0);
    }
}
