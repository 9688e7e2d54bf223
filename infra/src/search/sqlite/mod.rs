//! The index in one SQLite file, by its full-text extension FTS5: the embedded default.
//!
//! The file belongs to one process. One connection writes and a few read, beside it and each other (WAL). FTS5 is given words of our own
//! making and cuts at spaces alone, so that it searches what Elasticsearch searches.

mod find;
mod numbers;
mod write;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use domain::Timestamp;

use super::{Document, Fault, Hit, Measure, Query, Ranked, Ranking, Refused, Rooms, Search, Span};
use crate::database::migrations::{Scripts, migrator};
use crate::database::sqlite::{self, Pools};
use crate::database::{self, Database as _, checkpoints};
use crate::log::TopicPartition;
use crate::read_model::{Checkpoint, Page};

const SCRIPTS: Scripts = &[(1, "search", include_str!("../../../migrations/search/0001_search.sql"))];

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub async fn open(file: &Path) -> Result<Arc<dyn Search>, Fault> {
    Ok(Arc::new(Index(sqlite::open(file, &migrator(SCRIPTS)).await?)))
}

struct Index(Pools);

fn fault(error: sqlx::Error) -> Fault {
    sqlite::fault(error).into()
}

impl From<database::Fault> for Fault {
    fn from(fault: database::Fault) -> Self {
        match fault {
            database::Fault::Rejected(why) | database::Fault::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

#[async_trait]
impl Search for Index {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        Ok(checkpoints::read(&mut *self.0.read().await?, partition).await?)
    }

    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        Ok(checkpoints::all(&mut *self.0.read().await?).await?)
    }

    async fn write(&self, documents: &[Document]) -> Result<Vec<Refused>, Fault> {
        // IMMEDIATE takes the write lock at once, so that no transaction has to be given up half-way.
        let mut transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let refused = write::documents(&mut transaction, documents).await?;
        transaction.commit().await.map_err(fault)?;
        Ok(refused)
    }

    async fn advance(&self, partition: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        let mut transaction = self.0.write().await?;
        if !checkpoints::advance(&mut *transaction, partition, expected, next).await? {
            return Err(Fault::CheckpointMoved(partition));
        }
        Ok(transaction.commit().await?)
    }

    async fn take_over(&self) -> Result<bool, Fault> {
        // There is only the one file.
        Ok(false)
    }

    async fn expire(&self, before: Timestamp) -> Result<u64, Fault> {
        let mut transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let gone = write::expire(&mut transaction, before).await?;
        transaction.commit().await.map_err(fault)?;
        Ok(gone)
    }

    async fn refresh(&self) -> Result<(), Fault> {
        // What is committed is seen by the next query.
        Ok(())
    }

    async fn find(&self, query: &Query) -> Result<Page<Hit>, Fault> {
        find::messages(&self.0.readers, query).await
    }

    async fn series(&self, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault> {
        numbers::series(&self.0.readers, measure, rooms, edges).await
    }

    async fn top(&self, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault> {
        numbers::top(&self.0.readers, ranking, rooms, span, limit).await
    }
}
