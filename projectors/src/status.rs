//! What the projectors of this node are doing, for health, status pages and metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::Timestamp;
use infra::log::{Offset, TopicPartition};
use infra::read_model::Checkpoint;
use tokio::sync::watch;

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
    started: bool,
    partitions: BTreeMap<TopicPartition, Progress>,
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
    /// Whether the projectors run, and each of their partitions is being followed without a fault.
    #[must_use]
    pub fn ready(&self) -> bool {
        let board = self.board.borrow();
        board.started && board.partitions.values().all(|progress| progress.checkpoint.is_some() && progress.fault.is_none())
    }

    /// All partitions that this node follows.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<TopicPartition, Progress> {
        self.board.borrow().partitions.clone()
    }

    /// Waits until `condition` holds for the partitions that this node follows.
    pub async fn wait_for(&self, mut condition: impl FnMut(&BTreeMap<TopicPartition, Progress>) -> bool) {
        // The sender lives in `self`, so the wait cannot end for want of one.
        let _ = self.board.subscribe().wait_for(|board| condition(&board.partitions)).await;
    }

    pub(crate) fn start(&self) {
        self.board.send_modify(|board| board.started = true);
    }

    pub(crate) fn change(&self, partition: TopicPartition, change: impl FnOnce(&mut Progress)) {
        self.board.send_modify(|board| change(board.partitions.entry(partition).or_default()));
    }

    /// As `change`, where the partition may have been given up meanwhile.
    pub(crate) fn change_if_there(&self, partition: TopicPartition, change: impl FnOnce(&mut Progress)) {
        self.board.send_if_modified(|board| board.partitions.get_mut(&partition).map(change).is_some());
    }

    pub(crate) fn forget(&self, partition: TopicPartition) {
        self.board.send_modify(|board| drop(board.partitions.remove(&partition)));
    }
}
