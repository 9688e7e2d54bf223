//! The index in one SQLite file, by its full-text extension FTS5: the embedded default.
//!
//! The file belongs to one process. One connection writes and a few read, beside it and each other (WAL). FTS5 is given words of our own
//! making and cuts at spaces alone, so that it searches what Elasticsearch searches.

mod find;
mod numbers;
mod write;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Row as _, SqlSafeStr as _};

use super::{Document, Fault, Hit, Measure, Query, Ranked, Ranking, Refused, Rooms, Search, Span};
use crate::log::{Topic, TopicPartition};
use crate::read_model::{self, Checkpoint, Page};

/// Connections that read.
const READERS: u32 = 4;
/// How long a connection waits for a lock, and a query for a connection.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Pages that a connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 8 * 1024;

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub async fn open(file: &Path) -> Result<Arc<dyn Search>, Fault> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT_MAX)
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("temp_store", "MEMORY");
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(WAIT_MAX).idle_timeout(None);
    let writer = pool(1).connect_with(options.clone()).await.map_err(fault)?;
    migrations().run(&writer).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.map_err(fault)?;
    Ok(Arc::new(Index { writer, readers }))
}

/// The schema. A migration that was released is never edited: a new one follows it.
fn migrations() -> Migrator {
    let script = include_str!("../../../migrations/search/0001_search.sql");
    Migrator::with_migrations(vec![Migration::new(1, "search".into(), MigrationType::Simple, script.into_sql_str(), false)])
}

struct Index {
    writer: SqlitePool,
    readers: SqlitePool,
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn fault(error: sqlx::Error) -> Fault {
    Fault::Unavailable(error.to_string())
}

impl From<read_model::Fault> for Fault {
    fn from(fault: read_model::Fault) -> Self {
        match fault {
            read_model::Fault::CheckpointMoved(partition) => Self::CheckpointMoved(partition),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

#[async_trait]
impl Search for Index {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn checkpoint(&self, partition: TopicPartition) -> Result<Checkpoint, Fault> {
        let all = self.checkpoints().await?;
        Ok(all.into_iter().find(|(known, _)| *known == partition).map(|(_, checkpoint)| checkpoint).unwrap_or_default())
    }

    async fn checkpoints(&self) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
        const ALL: &str = "SELECT topic, partition, next_offset, epoch, sequence FROM checkpoints ORDER BY topic, partition";
        let rows = sqlx::query(ALL).fetch_all(&self.readers).await.map_err(fault)?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let name: String = row.try_get("topic").map_err(fault)?;
            let number = |column| row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(fault);
            let cursor = domain::Cursor { epoch: number("epoch")?, sequence: number("sequence")? };
            let checkpoint = Checkpoint { next_offset: number("next_offset")?, cursor };
            let partition = row.try_get("partition").map_err(fault)?;
            let topic = Topic::ALL.into_iter().find(|topic| topic.base_name() == name);
            found.extend(topic.map(|topic| (TopicPartition { topic, partition }, checkpoint)));
        }
        Ok(found)
    }

    async fn write(&self, documents: &[Document]) -> Result<Vec<Refused>, Fault> {
        // IMMEDIATE takes the write lock at once, so that no transaction has to be given up half-way.
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let refused = write::documents(&mut transaction, documents).await?;
        transaction.commit().await.map_err(fault)?;
        Ok(refused)
    }

    async fn advance(&self, partition: TopicPartition, expected: Checkpoint, next: Checkpoint) -> Result<(), Fault> {
        let mut connection = self.writer.acquire().await.map_err(fault)?;
        Ok(read_model::sqlite::move_checkpoint(&mut connection, partition, expected, next).await?)
    }

    async fn take_over(&self) -> Result<bool, Fault> {
        // There is only the one file.
        Ok(false)
    }

    async fn expire(&self, before: Timestamp) -> Result<u64, Fault> {
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        let gone = write::expire(&mut transaction, before).await?;
        transaction.commit().await.map_err(fault)?;
        Ok(gone)
    }

    async fn refresh(&self) -> Result<(), Fault> {
        // What is committed is seen by the next query.
        Ok(())
    }

    async fn find(&self, query: &Query) -> Result<Page<Hit>, Fault> {
        find::messages(&self.readers, query).await
    }

    async fn series(&self, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault> {
        numbers::series(&self.readers, measure, rooms, edges).await
    }

    async fn top(&self, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault> {
        numbers::top(&self.readers, ranking, rooms, span, limit).await
    }
}
