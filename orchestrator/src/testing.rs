//! An orchestrator that is killed on purpose, for tests of what a crash leaves behind. Nothing in production makes one.
//!
//! [`Killed`] stands before the world or before the database, and kills at a chosen moment: before or after any of the things that are
//! done there. Who was killed does nothing any more, and hears nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use domain::Timestamp;
use domain::saga::SagaId;
use infra::log::TopicPartition;
use infra::read_model::Checkpoint;
use infra::saga_state::{Count, Fault, Filter, Saga, SagaState, StepDone};
use tokio::sync::Notify;

use crate::act::{Act, Attempt};
use crate::process::Effect;
use crate::run::Run;

/// Counts moments; at one of them the process dies.
pub struct Moments {
    passed: AtomicUsize,
    fatal: usize,
    died: Notify,
}

impl Moments {
    /// Dies at the moment `fatal`, from 1; with 0 never.
    #[must_use]
    pub fn new(fatal: usize) -> Arc<Self> {
        Arc::new(Self { passed: AtomicUsize::new(0), fatal, died: Notify::new() })
    }

    /// Whether the process has died.
    #[must_use]
    pub fn dead(&self) -> bool {
        self.fatal > 0 && self.passed.load(Ordering::SeqCst) >= self.fatal
    }

    /// Returns when it dies.
    pub async fn died(&self) {
        self.died.notified().await;
    }

    async fn pass(&self) {
        let number = self.passed.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fatal > 0 && number >= self.fatal {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The way of one process to `inner`.
pub struct Killed<T: ?Sized> {
    /// When it dies.
    pub moments: Arc<Moments>,
    /// What stays.
    pub inner: Arc<T>,
}

#[async_trait]
impl Act for Killed<dyn Act> {
    async fn attempt(&self, run: &Run, effect: &Effect) -> Attempt {
        self.moments.pass().await;
        let attempt = self.inner.attempt(run, effect).await;
        self.moments.pass().await;
        attempt
    }
}

/// What only reads is no moment of its own: nothing differs before and after it. Looking for what is due is one only where something
/// was: how often nothing is found is chance.
#[async_trait]
impl SagaState for Killed<dyn SagaState> {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        self.inner.checkpoint(partition).await
    }
    async fn find(&self, sagas: &[SagaId]) -> Result<Vec<Saga>, Fault> {
        self.inner.find(sagas).await
    }
    async fn learn(&self, sagas: &[Saga], of: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        self.moments.pass().await;
        let learnt = self.inner.learn(sagas, of, expected, next).await;
        self.moments.pass().await;
        learnt
    }
    async fn take(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Saga>, Fault> {
        if self.moments.dead() {
            std::future::pending::<()>().await;
        }
        let taken = self.inner.take(limit, now, until).await?;
        if !taken.is_empty() {
            self.moments.pass().await;
        }
        Ok(taken)
    }
    async fn put(&self, saga: Saga, done: Option<&StepDone>) -> Result<Saga, Fault> {
        self.moments.pass().await;
        let put = self.inner.put(saga, done).await;
        self.moments.pass().await;
        put
    }
    async fn forget(&self, before: Timestamp, limit: u32) -> Result<u64, Fault> {
        self.inner.forget(before, limit).await
    }
    async fn list(&self, filter: &Filter, after: Option<(Timestamp, SagaId)>, limit: u32) -> Result<Vec<Saga>, Fault> {
        self.inner.list(filter, after, limit).await
    }
    async fn steps(&self, saga: SagaId, limit: u32) -> Result<Vec<StepDone>, Fault> {
        self.inner.steps(saga, limit).await
    }
    async fn running(&self, stuck_before: Timestamp) -> Result<Vec<Count>, Fault> {
        self.inner.running(stuck_before).await
    }
}
