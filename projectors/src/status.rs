//! What the projectors of this node are doing, for health, status pages and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use infra::log::{Offset, TopicPartition};
use infra::read_model::Checkpoint;
use infra::read_model::generations::Generation;
use tokio::sync::watch;

use crate::Feed;

/// How far one partition has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// The checkpoint, once it is known.
    pub checkpoint: Option<Checkpoint>,
    /// Where the log ended when it was last asked.
    pub end: Option<Offset>,
    /// The time of the last event that was applied.
    pub event_at: Option<Timestamp>,
    /// Why it stands still, if it does.
    pub fault: Option<String>,
}

#[derive(Debug, Default)]
struct Board {
    /// The generation that is live, once the projectors have begun.
    live: Option<Generation>,
    feeds: BTreeMap<Feed, Progress>,
}

impl Board {
    fn of_live(&self) -> impl Iterator<Item = (TopicPartition, &Progress)> {
        let live = self.feeds.iter().filter(|(feed, _)| Some(feed.generation) == self.live);
        live.map(|(feed, progress)| (feed.partition, progress))
    }

    fn partitions(&self) -> BTreeMap<TopicPartition, Progress> {
        self.of_live().map(|(partition, progress)| (partition, progress.clone())).collect()
    }
}

/// A handle on the progress of the partitions that this node follows.
#[derive(Debug, Clone)]
pub struct Status {
    board: Arc<watch::Sender<Board>>,
}

impl Default for Status {
    fn default() -> Self {
        Self { board: Arc::new(watch::Sender::new(Board::default())) }
    }
}

impl Status {
    /// Whether the projectors run, and each of their partitions is being followed into the live generation without a fault.
    #[must_use]
    pub fn ready(&self) -> bool {
        let board = self.board.borrow();
        board.live.is_some() && board.of_live().all(|(_, progress)| progress.checkpoint.is_some() && progress.fault.is_none())
    }

    /// All partitions that this node follows into the live generation.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<TopicPartition, Progress> {
        self.board.borrow().partitions()
    }

    /// Waits until `condition` holds for the partitions that this node follows into the live generation.
    pub async fn wait_for(&self, mut condition: impl FnMut(&BTreeMap<TopicPartition, Progress>) -> bool) {
        // The sender lives in `self`, so the wait cannot end for want of one.
        let _ = self.board.subscribe().wait_for(|board| condition(&board.partitions())).await;
    }

    pub(crate) fn is_live(&self, generation: Generation) -> bool {
        self.board.borrow().live == Some(generation)
    }

    pub(crate) fn set_live(&self, generation: Generation) {
        self.board.send_modify(|board| board.live = Some(generation));
    }

    pub(crate) fn change(&self, feed: Feed, change: impl FnOnce(&mut Progress)) {
        self.board.send_modify(|board| change(board.feeds.entry(feed).or_default()));
    }

    /// As `change`, where the partition may have been given up meanwhile.
    pub(crate) fn change_if_there(&self, feed: Feed, change: impl FnOnce(&mut Progress)) {
        self.board.send_if_modified(|board| board.feeds.get_mut(&feed).map(change).is_some());
    }

    pub(crate) fn forget(&self, feed: Feed) {
        self.board.send_modify(|board| drop(board.feeds.remove(&feed)));
    }
}
