//! Follows one partition of rooms and gives what is effective to the hub.
//!
//! It begins where the read model stands, with that checkpoint's cursor: the acceptance rule cannot be resumed from an offset
//! alone. When the log fails, it goes on from the same position; when that position is no longer in the log, it begins anew at
//! the read model's, and all who follow a room of the partition are told that continuity is lost.

use std::sync::Arc;
use std::time::Duration;

use domain::acceptance::Verdict;
use domain::ids::EventTopic;
use domain::wire::{BARRIER, DecodeError, Entry, Record};
use domain::{RoomId, Sequence};
use infra::log::{Fault, StoredRecord, Tail, Topic, TopicPartition};
use infra::read_model::Checkpoint;
use tokio::time::Instant;

use super::Live;
use super::backoff::Backoff;
use super::change::Change;
use super::frame::ResyncReason;
use crate::dto::Reactors;

/// Records that are asked for at once.
pub const RECORDS_MAX: usize = 256;
/// How long one question to the log waits.
pub const QUESTION_WAIT: Duration = Duration::from_secs(1);

/// Why following must begin anew.
struct PositionLost;

/// The tail of one partition of rooms.
pub struct RoomsTail {
    pub(super) live: Arc<Live>,
    pub(super) partition: u32,
}

impl RoomsTail {
    /// Runs until it is cancelled by being dropped.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let mut position = self.begin().await;
            self.live.hub.restart(self.partition, position.cursor.sequence);
            self.advance(&position);
            let PositionLost = self.follow(&mut position, &mut backoff).await;
            let partition = self.partition;
            tracing::error!(partition, offset = position.next_offset, "the live feed lost its place in the log and begins anew");
            backoff.pause().await;
        }
    }

    fn topic_partition(&self) -> TopicPartition {
        TopicPartition { topic: Topic::Rooms, partition: self.partition }
    }

    fn advance(&self, position: &Checkpoint) {
        self.live.positions.advance(self.partition, position.next_offset, position.cursor.sequence);
    }

    /// Where the read model stands.
    async fn begin(&self) -> Checkpoint {
        let mut backoff = Backoff::default();
        loop {
            let checkpoint = async { self.live.readings.now()?.timeline.checkpoint(self.topic_partition()).await };
            match checkpoint.await {
                Ok(checkpoint) => return checkpoint,
                Err(fault) => backoff.failed(&fault, "the live feed cannot ask the read model where to begin").await,
            }
        }
    }

    async fn follow(&self, position: &mut Checkpoint, backoff: &mut Backoff) -> PositionLost {
        let mut caught_up_at = None;
        loop {
            let followed: Result<(), Fault> = async {
                let mut tail = self.live.log.tail(self.topic_partition(), position.next_offset).await?;
                if caught_up_at.is_none() {
                    caught_up_at = Some(self.live.log.end(self.topic_partition()).await?);
                }
                loop {
                    if caught_up_at.is_some_and(|end| position.next_offset >= end) {
                        self.live.positions.caught_up(self.partition);
                    }
                    let before = position.next_offset;
                    self.take(position, tail.as_mut()).await?;
                    backoff.succeeded();
                    // A log may end in records that no reader gets to see (holes): silence means that the end is reached too.
                    if position.next_offset == before {
                        self.live.positions.caught_up(self.partition);
                    }
                }
            }
            .await;
            match followed {
                Ok(()) => {}
                Err(Fault::Misconfigured(_)) => return PositionLost,
                Err(fault) => backoff.failed(&fault, "the live feed cannot read the log and tries again").await,
            }
        }
    }

    async fn take(&self, position: &mut Checkpoint, tail: &mut dyn Tail) -> Result<(), Fault> {
        for StoredRecord { offset, record, .. } in tail.next(RECORDS_MAX, QUESTION_WAIT).await? {
            position.next_offset = offset + 1;
            match position.cursor.accept(record.mark()) {
                Verdict::Claimed => {}
                Verdict::Effective => self.effective(position.cursor.sequence, &record),
                Verdict::Ignored(why) => {
                    metrics::counter!("sarangbang_records_ignored_total", "reader" => "live", "reason" => why.label())
                        .increment(1);
                }
            }
        }
        self.advance(position);
        Ok(())
    }

    fn effective(&self, sequence: Sequence, record: &Record) {
        let (hub, partition) = (&self.live.hub, self.partition);
        if record.header("ce_type") == Some(BARRIER) {
            return hub.pass(partition, sequence);
        }
        let Some(room) = record.header("ce_subject").and_then(|subject| subject.parse::<RoomId>().ok()) else {
            tracing::error!(
                partition,
                sequence,
                "the live feed cannot tell an event's room; all readers of the partition start anew"
            );
            return hub.restart(partition, sequence);
        };
        let change = || match record.decode(EventTopic::Rooms)? {
            Entry::Event(envelope) => Ok(Change::of(envelope)),
            Entry::Barrier | Entry::Claim { .. } => Ok(None),
        };
        match hub.publish(partition, sequence, room, change) {
            Ok(false) => {}
            Ok(true) => {
                let work = resolve(self.live.clone(), room);
                self.live.tasks.spawn(Live::until_cancelled(self.live.cancel.clone(), work));
            }
            Err(error) => {
                let error: DecodeError = error;
                tracing::error!(partition, sequence, %error, "the live feed cannot read an event; its room's readers start anew");
                hub.interrupt(room, ResyncReason::EventUnreadable);
            }
        }
    }
}

/// Sends what is held in `room`, one by one, as the read model comes there; tells the room's readers to start anew when it does
/// not in time.
async fn resolve(live: Arc<Live>, room: RoomId) {
    let partition = live.hub.partition_of(room);
    while let Some(change) = live.hub.held(room) {
        let reactors = async {
            // What need not wait is sent together with what it waited behind, so that the first one always needs this.
            let Some(number) = change.needs_reactions() else { return Ok(Reactors::default()) };
            let deadline = Instant::now() + live.limits.read_model_wait_max;
            let unreadable = |fault: infra::read_model::Fault| {
                tracing::warn!(%fault, "the live feed cannot read reactions; the room's readers start anew");
                ResyncReason::FeedInterrupted
            };
            let reading = live.readings.now().map_err(unreadable)?;
            let reached = reading.progress.reached(EventTopic::Rooms, partition, change.sequence, deadline).await;
            reached.map_err(|_| ResyncReason::ReadModelBehind)?;
            let rows = reading.timeline.reactions(room, number).await.map_err(unreadable)?;
            Ok(rows.into_iter().collect())
        };
        match reactors.await {
            Ok(reactors) => live.hub.release(&change, change.to_live(&reactors)),
            Err(reason) => live.hub.give_up(&change, reason),
        }
    }
}
