//! Takes the steps that follow from the control document, one after the other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::ids::{EventTopic, PartitionId};
use infra::log::{Log, Offset, Topic, TopicPartition};
use infra::read_model::generations::{Control, Generation, POLL_INTERVAL, Rebuild, Stage, Stated};
use metrics::gauge;
use tokio::time::Instant;
use tracing::{info, warn};

use super::{steps, verify};
use crate::Fault;
use crate::partition::Shared;

/// The node that follows this partition takes the steps.
const MARK: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };
/// How many records the new generation may lack when it is compared: it stands still until these are read.
const NEAR_RECORDS: u64 = 2_000;
/// How long a switch may wait for its target to come to the end of the log, before the control document is looked at again.
const SWITCH_WAIT: Duration = Duration::from_secs(5);
/// How often it is asked whether it is there.
const SWITCH_POLL: Duration = Duration::from_millis(10);

/// Takes steps until it is dropped.
pub(crate) async fn conduct(shared: Arc<Shared>) {
    let mut changes = shared.control.subscribe();
    let mut given_up = BTreeMap::new();
    loop {
        changes.mark_unchanged();
        let stated = shared.control.get();
        gauge!("sarangbang_read_model_generation").set(f64::from(stated.control.live.number()));
        if stated.control.rebuild.is_none() {
            gauge!("sarangbang_rebuild_records_left").set(0.0);
        }
        if shared.assignment.watch().borrow().contains(&MARK) {
            // What changes meanwhile (a pause, the end of it all) ends the step.
            let stepped = tokio::select! {
                stepped = step(&shared, &stated, &mut given_up) => stepped,
                Ok(()) = changes.changed() => continue,
            };
            if let Err(fault) = stepped {
                warn!(%fault, "a step of the rebuild failed; it is tried again");
            }
        }
        let _ = tokio::time::timeout(POLL_INTERVAL, changes.changed()).await;
    }
}

async fn step(shared: &Shared, stated: &Stated, given_up: &mut BTreeMap<Generation, Instant>) -> Result<(), Fault> {
    let control = &stated.control;
    given_up.retain(|generation, _| control.dropping.contains(generation));
    for generation in &control.dropping {
        // Counted from when this node heard of it: later than it was, never sooner.
        let heard = *given_up.entry(*generation).or_insert_with(Instant::now);
        if heard.elapsed() >= shared.options.drop_after {
            shared.models.remove(*generation).await?;
            info!(%generation, "a generation of the read model was taken away");
            return decide(shared, stated, &steps::removed(control, *generation)).await;
        }
    }
    if let Some(target) = steps::due(control) {
        return switch(shared, stated, target).await;
    }
    match control.rebuild.as_ref().filter(|rebuild| !rebuild.paused) {
        Some(Rebuild { generation, stage: Stage::Building, .. }) => {
            let left = records_left(shared, *generation).await?;
            if left <= NEAR_RECORDS {
                proceed(shared, stated, steps::verifying(control)).await?;
            }
        }
        Some(Rebuild { generation, stage: Stage::Verifying, .. }) => {
            if let Some(found) = verify::compare(shared, control.live, *generation).await? {
                info!(%generation, same = found.same(), "a rebuilt read model was compared with the live one");
                proceed(shared, stated, steps::verified(control, found)).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Changes over to `target` once it holds all that the log held when this began.
async fn switch(shared: &Shared, stated: &Stated, target: Generation) -> Result<(), Fault> {
    let timeline = shared.models.get(target).await?;
    let ends = ends(&*shared.log).await?;
    let deadline = Instant::now() + SWITCH_WAIT;
    while left(&timeline.checkpoints().await?.into_iter().collect(), &ends) > 0 {
        if Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(SWITCH_POLL).await;
    }
    if shared.control.decide(stated.revision, &steps::switched(&stated.control, target)).await? {
        info!(from = %stated.control.live, to = %target, "another generation of the read model is live");
    }
    Ok(())
}

/// How many records of the log `generation` has not read yet; shown as a metric.
async fn records_left(shared: &Shared, generation: Generation) -> Result<u64, Fault> {
    let checkpoints = shared.models.get(generation).await?.checkpoints().await?.into_iter().collect();
    let left = left(&checkpoints, &ends(&*shared.log).await?);
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; what is lost is beyond any use of it")]
    gauge!("sarangbang_rebuild_records_left").set(left as f64);
    Ok(left)
}

fn left(checkpoints: &BTreeMap<TopicPartition, infra::read_model::Checkpoint>, ends: &BTreeMap<TopicPartition, Offset>) -> u64 {
    let next = |partition| checkpoints.get(partition).map_or(0, |checkpoint| checkpoint.next_offset);
    ends.iter().map(|(partition, end)| end.saturating_sub(next(partition))).sum()
}

async fn ends(log: &dyn Log) -> Result<BTreeMap<TopicPartition, Offset>, Fault> {
    let mut ends = BTreeMap::new();
    for partition in all_partitions(log) {
        ends.insert(partition, log.end(partition).await?);
    }
    Ok(ends)
}

/// All partitions that the read model is made from.
pub(crate) fn all_partitions(log: &dyn Log) -> impl Iterator<Item = TopicPartition> {
    let topics = [Topic::Users, Topic::Rooms, Topic::Reads];
    let counts = topics.map(|topic| (topic, log.partitions(topic).get()));
    counts.into_iter().flat_map(|(topic, count)| (0..count).map(move |partition| TopicPartition { topic, partition }))
}

async fn proceed(shared: &Shared, stated: &Stated, next: Result<Control, steps::Refusal>) -> Result<(), Fault> {
    match next {
        Ok(next) => decide(shared, stated, &next).await,
        // The rebuild is gone, which the next look will show.
        Err(_) => Ok(()),
    }
}

/// Where somebody else was faster nothing is lost: the next look shows what they decided.
async fn decide(shared: &Shared, stated: &Stated, next: &Control) -> Result<(), Fault> {
    shared.control.decide(stated.revision, next).await?;
    Ok(())
}
