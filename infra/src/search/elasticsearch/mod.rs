//! The index in Elasticsearch, 8.19 or 9: for any number of nodes, and for people with Kibana.
//!
//! * [`layout`] says which indices there are and what they look like, [`generations`] which of them are read;
//! * `write` and `find` are the two sides of the port; [`retention`] takes old indices away.
//!
//! Documents lie in indices dated by when their message was sent, so that an edit finds its document, and old ones go by whole indices. Each
//! is written by a full index operation whose external version is the sequence of its event: the answer 409 says that it was there
//! already, or something later.

mod checkpoints;
mod document;
mod find;
mod generations;
mod layout;
mod numbers;
mod retention;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;

use self::layout::Layout;
pub use self::layout::Period;
use super::{Document, Fault, Hit, Measure, Query, Ranked, Ranking, Refused, Rooms, Search, Span};
use crate::elasticsearch::Client;
use crate::log::TopicPartition;
use crate::read_model::{Checkpoint, Page};

/// How to reach a cluster, and what to make there.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its URL, with user and password where it asks for them.
    pub url: crate::config::Secret,
    /// What every index and alias begins with.
    pub prefix: String,
    /// Which making of the index is written. A greater one is made beside the one that is live, and takes over from it.
    pub generation: u32,
    /// How long a time one index of messages covers.
    pub period: Period,
    /// Shards of a new index.
    pub shards: u32,
    /// Replicas of a new index.
    pub replicas: u32,
    /// How soon what was written is found.
    pub refresh: Duration,
    /// How long a request may take.
    pub request_max: Duration,
    /// The most bytes of one bulk request; a single larger document is one of its own.
    pub bulk_bytes_max: usize,
    /// For how many days messages are kept, where the cluster itself is to see to it by its index lifecycle management.
    pub lifecycle_days: Option<u32>,
}

impl Options {
    /// Those that fit most clusters.
    #[must_use]
    pub fn new(url: crate::config::Secret, prefix: &str) -> Self {
        Self {
            url,
            prefix: prefix.to_owned(),
            generation: 1,
            period: Period::Month,
            shards: 1,
            replicas: 1,
            refresh: Duration::from_secs(1),
            request_max: Duration::from_secs(20),
            bulk_bytes_max: 4 * 1024 * 1024,
            lifecycle_days: None,
        }
    }

    /// What tells this making of the index from others: who writes another one shares no work with who writes this.
    #[must_use]
    pub fn making(&self) -> String {
        layout::Making::of(self.generation).to_string()
    }
}

/// Opens the index. Nothing is asked of the cluster yet: what it needs is made before the first document is written, so
/// that a cluster that is away keeps nobody from starting.
///
/// # Errors
/// [`Fault::Unavailable`] for what is no URL.
pub fn open(options: &Options) -> Result<Arc<dyn Search>, Fault> {
    let client = Client::new(options.url.reveal(), options.request_max)?;
    Ok(Arc::new(Index {
        client,
        layout: Layout::new(options),
        bulk_bytes_max: options.bulk_bytes_max,
        prepared: tokio::sync::OnceCell::new(),
    }))
}

struct Index {
    client: Client,
    layout: Layout,
    bulk_bytes_max: usize,
    /// Set once the templates are there.
    prepared: tokio::sync::OnceCell<()>,
}

impl Index {
    async fn prepare(&self) -> Result<(), Fault> {
        self.prepared.get_or_try_init(|| generations::prepare(&self.client, &self.layout)).await.copied()
    }
}

#[async_trait]
impl Search for Index {
    fn kind(&self) -> &'static str {
        "elasticsearch"
    }

    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        Ok(checkpoints::read(&self.client, &self.layout, partition).await?.map(|stored| stored.checkpoint).unwrap_or_default())
    }

    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        checkpoints::all(&self.client, &self.layout).await
    }

    async fn write(&self, documents: &[Document]) -> Result<Vec<Refused>, Fault> {
        self.prepare().await?;
        write::documents(&self.client, &self.layout, self.bulk_bytes_max, documents).await
    }

    async fn advance(&self, partition: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        self.prepare().await?;
        checkpoints::advance(&self.client, &self.layout, partition, expected, next).await
    }

    async fn take_over(&self) -> Result<bool, Fault> {
        generations::take_over(&self.client, &self.layout).await
    }

    async fn expire(&self, before: Timestamp) -> Result<u64, Fault> {
        retention::expire(&self.client, &self.layout, before).await
    }

    async fn refresh(&self) -> Result<(), Fault> {
        find::refresh(&self.client, &self.layout.live_chats(), &self.layout.live_people()).await
    }

    async fn find(&self, query: &Query) -> Result<Page<Hit>, Fault> {
        find::messages(&self.client, &self.layout, query).await
    }

    async fn series(&self, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault> {
        numbers::series(&self.client, &self.layout, measure, rooms, edges).await
    }

    async fn top(&self, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault> {
        numbers::top(&self.client, &self.layout, ranking, rooms, span, limit).await
    }
}
