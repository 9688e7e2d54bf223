//! What the runs of sagas remember. A port with two adapters, `postgres` and `sqlite`, and one contract suite
//! (`infra/tests/it/saga_state_contract.rs`) that both pass.
//!
//! Invariants:
//! * what the log says and how far it was read are stored together or not at all, so that each message is learnt once;
//! * a saga is changed only by who read its latest revision;
//! * an attempt at a step is counted *before* it is made, and counts as unresolved until its outcome is known. So after a crash at
//!   any moment nobody believes that nothing was tried;
//! * a saga that is due is lent to one worker for a limited time. That is for speed alone: a step that two take has one command id.

mod postgres;
mod queries;
mod saga;
mod sql;
mod sqlite;

use async_trait::async_trait;
use domain::Timestamp;
use domain::saga::SagaId;

pub use postgres::connect;
pub use queries::{Count, Filter};
pub use saga::{Progress, Saga, StepDone, UnknownWord};
pub use sqlite::open;

use crate::database;
use crate::following::Hindrance;
use crate::log::TopicPartition;
use crate::read_model::Checkpoint;

/// What went wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The checkpoint is not where the reader expected it: another node has read further. Read it again.
    #[error("the checkpoint of {0} was moved by another node")]
    CheckpointMoved(TopicPartition),
    /// Somebody has changed the saga since it was read. Read it again.
    #[error("the saga {0} was changed since it was read")]
    SagaChanged(SagaId),
    /// The values themselves are refused: trying again will not help.
    #[error("the database refuses the values: {0}")]
    Rejected(String),
    /// The database cannot be reached or is overloaded: trying again later will help.
    #[error("the state of sagas is not available: {0}")]
    Unavailable(String),
}

impl From<Fault> for Hindrance {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::CheckpointMoved(_) => Self::Moved,
            fault => Self::Passing(fault.to_string()),
        }
    }
}

impl From<database::Fault> for Fault {
    fn from(fault: database::Fault) -> Self {
        match fault {
            database::Fault::Rejected(why) => Self::Rejected(why),
            database::Fault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// The state of all sagas. Each method is one transaction.
#[async_trait]
pub trait SagaState: Send + Sync + 'static {
    /// `postgres` or `sqlite`, for people.
    fn kind(&self) -> &'static str;

    // --- what the log says --------------------------------------------------------------------------------------------------

    /// How far `partition` was read; the beginning where it never was.
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault>;

    /// Those of these sagas that there are.
    async fn find(&self, sagas: &[SagaId]) -> Result<Vec<Saga>, Fault>;

    /// Stores sagas that the log began or changed, with the checkpoint behind what was read: all or nothing. Sagas and revisions as in
    /// [`Self::put`].
    ///
    /// # Errors
    /// [`Fault::CheckpointMoved`], [`Fault::SagaChanged`]: nothing was stored.
    async fn learn(&self, sagas: &[Saga], partition: TopicPartition, expected: Checkpoint, next: Checkpoint)
    -> Result<(), Fault>;

    // --- work -----------------------------------------------------------------------------------------------------------------

    /// Lends the sagas that are due at `now` and not lent already, those that are due the longest first, at most `limit`, until
    /// `until`. Each has one attempt more, which is unresolved.
    async fn take(&self, limit: u32, now: Timestamp, until: Timestamp) -> Result<Vec<Saga>, Fault>;

    /// Stores a saga that has the revision at which it was read (0 for a new one), and the step that ended with it. Gives it back with
    /// its new revision.
    ///
    /// # Errors
    /// [`Fault::SagaChanged`]: nothing was stored.
    async fn put(&self, saga: Saga, done: Option<&StepDone>) -> Result<Saga, Fault>;

    /// Forgets sagas that ended before `before`, with their steps, at most `limit`. Says how many.
    async fn forget(&self, before: Timestamp, limit: u32) -> Result<u64, Fault>;

    // --- looking at it --------------------------------------------------------------------------------------------------------

    /// Sagas, latest first, after the keyset `after` (begun at, id), at most `limit`.
    async fn list(&self, filter: &Filter, after: Option<(Timestamp, SagaId)>, limit: u32) -> Result<Vec<Saga>, Fault>;

    /// The steps of a saga that are over, in order, at most `limit`, the latest of them where there are more.
    async fn steps(&self, saga: SagaId, limit: u32) -> Result<Vec<StepDone>, Fault>;

    /// How many sagas run, by kind; those as stuck whose step began before `stuck_before`.
    async fn running(&self, stuck_before: Timestamp) -> Result<Vec<Count>, Fault>;
}
