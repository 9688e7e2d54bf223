//! Starts and stops the followers as the assignment changes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use domain::Timestamp;
use domain::ids::{EventTopic, PartitionId};
use infra::clock::{Clock, SystemClock};
use infra::log::{Log, Topic, TopicPartition};
use infra::read_model::Timeline;
use metrics::gauge;
use tokio::task::{Id, JoinSet};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::park::Parking;
use crate::partition::{Shared, follow};
use crate::{Fault, Options, Progress};

/// Projects the log into `timeline` until `stop`; then finishes the batches that were begun, and leaves the group.
///
/// # Errors
/// [`Fault::Log`] when the group cannot be joined. Whatever fails later is tried again, and seen in [`Options::status`].
pub async fn run(options: Options, log: Arc<dyn Log>, timeline: Arc<dyn Timeline>, stop: CancellationToken) -> Result<(), Fault> {
    let assignment = Arc::from(log.assignment(&options.group).await?);
    let shared = Arc::new(Shared { parking: Parking::new(Arc::clone(&log)), options, log, timeline, assignment });
    info!(group = shared.options.group, read_model = shared.timeline.kind(), "projectors started");
    tokio::select! {
        () = measure_lag(&shared) => {}
        () = supervise(&shared, &stop) => {}
    }
    shared.assignment.leave().await;
    info!("projectors stopped");
    Ok(())
}

async fn supervise(shared: &Arc<Shared>, stop: &CancellationToken) {
    let mut hint = shared.assignment.watch();
    let mut followers = Followers { shared: Arc::clone(shared), tasks: JoinSet::new(), running: HashMap::new() };
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = hint.changed() => {}
            // The first tick comes at once; the later ones bring back what ended by itself, but not in a hot loop.
            _ = tick.tick() => {}
            Some(ended) = followers.tasks.join_next_with_id() => {
                followers.ended(&ended);
                continue;
            }
        }
        let assigned = hint.borrow_and_update().clone();
        followers.reconcile(&wanted(&assigned, &*shared.log));
        shared.options.status.start();
    }
    followers.stop().await;
}

/// The partitions to follow: those assigned, and of the read positions those whose number falls to an assigned partition of
/// rooms. Read positions have no owner, so any rule will do that leaves none out; two nodes on one are harmless.
fn wanted(assigned: &BTreeSet<PartitionId>, log: &dyn Log) -> BTreeSet<TopicPartition> {
    let rooms = log.partitions(Topic::Rooms);
    let reads = (0..log.partitions(Topic::Reads).get())
        .filter(|partition| assigned.contains(&PartitionId { topic: EventTopic::Rooms, number: *partition % rooms }))
        .map(|partition| TopicPartition { topic: Topic::Reads, partition });
    assigned.iter().map(|partition| TopicPartition::from(*partition)).chain(reads).collect()
}

struct Followers {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    running: HashMap<TopicPartition, (Id, CancellationToken)>,
}

impl Followers {
    fn reconcile(&mut self, wanted: &BTreeSet<TopicPartition>) {
        self.running.retain(|partition, (_, stop)| {
            let keep = wanted.contains(partition);
            if !keep {
                stop.cancel();
                self.shared.options.status.forget(*partition);
                // Its lag is for the node to tell that follows it now; the last value here would stand for ever.
                set_lag(*partition, 0, 0);
                info!(%partition, "no longer projecting");
            }
            keep
        });
        for partition in wanted {
            if !self.running.contains_key(partition) {
                self.shared.options.status.change(*partition, |progress| *progress = Progress::default());
                let stop = CancellationToken::new();
                let task = self.tasks.spawn(follow(Arc::clone(&self.shared), *partition, stop.clone()));
                self.running.insert(*partition, (task.id(), stop));
                info!(%partition, "projecting");
            }
        }
    }

    fn ended(&mut self, ended: &Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(fault) => {
                error!(%fault, "a projector ended abnormally; it is started again");
                fault.id()
            }
        };
        self.running.retain(|_, (running, _)| *running != id);
    }

    /// Lets each follower finish its batch.
    async fn stop(&mut self) {
        self.running.values().for_each(|(_, stop)| stop.cancel());
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.ended(&ended);
        }
    }
}

/// Compares the checkpoints with the log's ends, again and again.
async fn measure_lag(shared: &Shared) {
    let mut tick = tokio::time::interval(shared.options.lag_interval);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        for partition in shared.options.status.partitions().into_keys() {
            match shared.log.end(partition).await {
                Ok(end) => {
                    shared.options.status.change_if_there(partition, |progress| {
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
