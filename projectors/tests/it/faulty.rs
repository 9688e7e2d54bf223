//! A timeline that does what a test wants it to do when a batch is written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use domain::{RoomId, UserId};
use infra::log::TopicPartition;
use infra::read_model::{
    Changes, Checkpoint, CircleView, Direction, Fault, Friendship, MemberView, MentionView, MessageView, MineView, Page,
    ReadView, RelationView, RoomChanges, RoomView, Snapshot, Timeline, UserView,
};
use tokio::sync::Semaphore;

/// What becomes of one batch.
pub enum Act {
    /// It is written.
    Pass,
    /// It is never written, and the writer hears nothing any more.
    DieBefore,
    /// It is written, and the writer never hears of it.
    DieAfter,
    /// It is written once the gate opens.
    Pause,
    /// It fails.
    Fail(Fault),
}

/// Decides by the rows, the partition, and how many batches came before.
type Plan = dyn Fn(&Changes, TopicPartition, u64) -> Act + Send + Sync;

pub struct Faulty {
    inner: Arc<dyn Timeline>,
    plan: Box<Plan>,
    batches: AtomicU64,
    /// Gets a permit when a batch died or was paused.
    pub struck: Arc<Semaphore>,
    /// Lets a paused batch go on.
    pub gate: Semaphore,
}

impl Faulty {
    pub fn new(
        inner: &Arc<dyn Timeline>,
        plan: impl Fn(&Changes, TopicPartition, u64) -> Act + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::striking(inner, plan, Arc::new(Semaphore::new(0)))
    }

    /// One that tells `struck`, which it may share with others.
    pub fn striking(
        inner: &Arc<dyn Timeline>,
        plan: impl Fn(&Changes, TopicPartition, u64) -> Act + Send + Sync + 'static,
        struck: Arc<Semaphore>,
    ) -> Arc<Self> {
        Arc::new(Self {
            inner: Arc::clone(inner),
            plan: Box::new(plan),
            batches: AtomicU64::new(0),
            struck,
            gate: Semaphore::new(0),
        })
    }

    async fn die(&self) -> ! {
        self.struck.add_permits(1);
        std::future::pending().await
    }
}

const NO_QUERIES: &str = "projectors write the read model and query nothing";

#[async_trait]
impl Timeline for Faulty {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        self.inner.checkpoint(partition).await
    }
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        self.inner.checkpoints().await
    }
    async fn apply(&self, changes: &Changes, at: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        let batch = self.batches.fetch_add(1, Ordering::SeqCst);
        match (self.plan)(changes, at, batch) {
            Act::Pass => {}
            Act::DieBefore => self.die().await,
            Act::DieAfter => {
                // Whatever came of it: another may have been there first.
                let _unheard = self.inner.apply(changes, at, expected, next).await;
                self.die().await
            }
            Act::Pause => {
                self.struck.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
            }
            Act::Fail(fault) => return Err(fault),
        }
        self.inner.apply(changes, at, expected, next).await
    }
    async fn amend(&self, changes: &Changes) -> Result<(), Fault> {
        self.inner.amend(changes).await
    }
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Fault> {
        self.inner.snapshot().await
    }
    async fn room_for(&self, _: RoomId, _: &UserId) -> Result<Option<RoomView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn rooms_of(&self, _: &UserId, _: Option<(i64, RoomId)>, _: u32) -> Result<Page<MineView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn rooms_in(&self, _: &UserId, _: u32) -> Result<Vec<RoomId>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn public_rooms(
        &self,
        _: &UserId,
        _: Option<&str>,
        _: Option<(String, RoomId)>,
        _: u32,
    ) -> Result<Page<RoomView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn members(&self, _: RoomId, _: Option<&UserId>, _: u32) -> Result<Page<MemberView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn member(&self, _: RoomId, _: &UserId) -> Result<Option<MemberView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn messages(&self, _: RoomId, _: Direction, _: u32, _: &UserId) -> Result<Page<MessageView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn message(&self, _: RoomId, _: u64, _: &UserId) -> Result<Option<MessageView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn reactions(&self, _: RoomId, _: u64) -> Result<Vec<(String, UserId)>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn mentions_of(&self, _: &UserId, _: Option<(i64, RoomId, u64)>, _: u32) -> Result<Page<MentionView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn changes_after(&self, _: RoomId, _: u64, _: u32, _: &UserId) -> Result<Option<RoomChanges>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn reads_of(&self, _: RoomId, _: u32) -> Result<Vec<ReadView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn user(&self, _: &UserId) -> Result<Option<UserView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn users(&self, _: &[UserId]) -> Result<Vec<UserView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn friends(&self, _: &UserId, _: Option<Friendship>, _: Option<&UserId>, _: u32) -> Result<Page<RelationView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn blocks(&self, _: &UserId, _: Option<&UserId>, _: u32) -> Result<Page<RelationView>, Fault> {
        panic!("{NO_QUERIES}")
    }
    async fn circle(&self, _: &UserId, _: u32) -> Result<CircleView, Fault> {
        panic!("{NO_QUERIES}")
    }
}
