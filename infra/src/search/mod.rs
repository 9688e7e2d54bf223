//! Search and numbers: a port with two adapters, [`sqlite`] (FTS5, the embedded default) and [`elasticsearch`], and one contract suite
//! (`infra/tests/it/search_contract.rs`) that both pass.
//!
//! Invariants:
//! * a document is a message as it is now, or a person's registration; it is always written whole, with the sequence of its event in the
//!   partition as its version, and never goes back to a lower one: so anything may be written any number of times;
//! * a checkpoint moves after the documents before it are durable, and only from where the writer expects it;
//! * both adapters search the same terms ([`words`]); Elasticsearch may know further forms, where it has a Korean analyser;
//! * who may read what is not decided here: a query names the rooms it may look into.

mod document;
pub mod elasticsearch;
mod excerpt;
mod numbers;
mod query;
pub mod sqlite;
pub mod words;
mod zone;

use async_trait::async_trait;
use domain::Timestamp;

pub use document::{Document, Message, Person, Refused};
pub use excerpt::{Piece, excerpt};
pub use query::{CLAUSES_MAX, Clause, Hit, Key, Order, QUERY_CHARACTERS_MAX, Query, QueryError, Rooms, clauses};

pub use numbers::{BUCKETS_MAX, Count, Interval, Measure, Ranked, Ranking, Span, TOP_MAX, TooMany, bucket_of, edges};
pub use zone::Zone;

use crate::log::TopicPartition;
use crate::read_model::{Checkpoint, Page};

/// The form of what the index holds. Whoever changes the extraction of words or a mapping raises it.
pub const SCHEMA: u32 = 1;

/// What went wrong with the index.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// The checkpoint is not where the writer expected it: somebody else moved it. Read it again.
    #[error("the checkpoint of {0} was moved by another projector")]
    CheckpointMoved(TopicPartition),
    /// The index cannot be reached or is overloaded: trying again later will help.
    #[error("the search index is not available: {0}")]
    Unavailable(String),
}

impl From<crate::elasticsearch::Unavailable> for Fault {
    fn from(unavailable: crate::elasticsearch::Unavailable) -> Self {
        Self::Unavailable(unavailable.to_string())
    }
}

/// The index.
#[async_trait]
pub trait Search: Send + Sync + 'static {
    /// `sqlite` or `elasticsearch`, for people.
    fn kind(&self) -> &'static str;

    // --- the projector's side -------------------------------------------------------------------------------------------

    /// Where the index stands in `partition`; the beginning when it never saw it.
    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault>;

    /// All checkpoints of what queries read.
    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault>;

    /// Writes `documents`, each at most once in the call; one of a lower version than what is there is passed over. Durable when it
    /// returns, but for those that are refused for good, which it names.
    async fn write(&self, documents: &[Document]) -> Result<Vec<Refused>, Fault>;

    /// Moves the checkpoint from `expected` to `next`, after everything before `next` was written.
    async fn advance(&self, partition: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault>;

    /// Where an index can be made anew beside the one that queries read: has this one read instead, in one step, if it is a newer one and has
    /// come as far. Says whether it did.
    async fn take_over(&self) -> Result<bool, Fault>;

    /// Takes away messages sent before `before`, where the index can do so in whole pieces: some that are older may stay a while. Says how
    /// many pieces went.
    async fn expire(&self, before: Timestamp) -> Result<u64, Fault>;

    // --- the queries' side ----------------------------------------------------------------------------------------------

    /// Makes what was written so far findable: an index may take a moment to show it otherwise.
    async fn refresh(&self) -> Result<(), Fault>;

    /// The messages that `query` asks for.
    async fn find(&self, query: &Query) -> Result<Page<Hit>, Fault>;

    /// How much there is of `measure` in each bucket: between each of `edges` and the next.
    async fn series(&self, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault>;

    /// The `limit` highest.
    async fn top(&self, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault>;
}
