//! Compares a new generation with the live one while writes go on.
//!
//! The live one is never held up: a snapshot of it is taken at some moment, with the checkpoints of that moment. The new one,
//! which nobody feeds in this stage, is brought to exactly these checkpoints, and a snapshot of it is taken. That both snapshots
//! hold equal checkpoints is the proof that they should be equal; where they do not (the new one was ahead, or somebody who did not
//! know yet fed it), it is tried again. Nothing rests on timing.

use std::collections::BTreeMap;

use infra::clock::{Clock as _, SystemClock};
use infra::log::TopicPartition;
use infra::read_model::generations::{Comparison, Generation, Verification};
use infra::read_model::{Checkpoint, READS, Snapshot, TABLES, Timeline};
use tracing::debug;

use crate::Fault;
use crate::partition::{Feed, Shared, advance};

type Checkpoints = BTreeMap<TopicPartition, Checkpoint>;

/// Read positions that are taken over at once.
const READS_PAGE: u32 = 1_000;

/// Compares `new` with `live`; nothing when they could not be brought to the same checkpoints this time.
///
/// # Errors
/// [`Fault`].
pub(super) async fn compare(shared: &Shared, live: Generation, new: Generation) -> Result<Option<Verification>, Fault> {
    let mut live_moment = shared.models.get(live).await?.snapshot().await?;
    let timeline = shared.models.get(new).await?;
    for (partition, target) in targets(live_moment.checkpoints(), &*timeline).await? {
        if !advance(shared, Feed { generation: new, partition }, target).await? {
            debug!(%partition, "the new generation is ahead of the live one");
            return Ok(None);
        }
    }
    let Some(mut tables) = tables(&mut *live_moment, &*timeline).await? else { return Ok(None) };
    let mut reads_taken_over = 0;
    // Compaction may have kept a lower read position than one that was there once (`shared/design.md`, "The log"). What people see
    // must not go back by a rebuild.
    if tables.iter().any(|table| !table.same && table.table == READS.name) {
        reads_taken_over = take_over_reads(&mut *live_moment, &*timeline).await?;
        let Some(again) = self::tables(&mut *live_moment, &*timeline).await? else { return Ok(None) };
        tables = again;
    }
    Ok(Some(Verification { at: SystemClock.now(), tables, reads_taken_over }))
}

/// The checkpoints of the live generation; and of partitions that only the new one knows, the beginning.
async fn targets(live: &Checkpoints, new: &dyn Timeline) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
    let known = new.checkpoints().await?.into_iter().map(|(partition, _)| (partition, Checkpoint::default()));
    let unknown = known.filter(|(partition, _)| !live.contains_key(partition));
    let mut targets: Vec<_> = unknown.collect();
    targets.extend(live.iter().map(|(partition, checkpoint)| (*partition, *checkpoint)));
    Ok(targets)
}

/// The tables side by side; nothing when the new generation is not where the live one was.
async fn tables(live: &mut dyn Snapshot, new: &dyn Timeline) -> Result<Option<Vec<Comparison>>, Fault> {
    let mut new = new.snapshot().await?;
    // A checkpoint at the beginning may stand there as a row, or not.
    let begun = |moment: &dyn Snapshot| {
        let all = moment.checkpoints().iter().map(|(partition, at)| (*partition, *at));
        all.filter(|(_, at)| *at != Checkpoint::default()).collect::<Vec<_>>()
    };
    if begun(live) != begun(&*new) {
        return Ok(None);
    }
    let mut compared = Vec::with_capacity(TABLES.len());
    for table in TABLES {
        let (theirs, ours) = (live.digest(table).await?, new.digest(table).await?);
        let same = theirs == ours;
        compared.push(Comparison { table: table.name.to_owned(), rows_live: theirs.rows, rows_new: ours.rows, same });
    }
    Ok(Some(compared))
}

/// Writes the read positions of `from` into `to`, where they are higher. Returns how many were looked at.
async fn take_over_reads(from: &mut dyn Snapshot, to: &dyn Timeline) -> Result<u64, Fault> {
    let (mut after, mut count) = (None, 0);
    while let Some((changes, last)) = from.reads(after.as_ref(), READS_PAGE).await? {
        count += changes.reads.len() as u64;
        to.amend(&changes).await?;
        after = Some(last);
    }
    Ok(count)
}
