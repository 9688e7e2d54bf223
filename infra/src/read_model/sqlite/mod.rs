//! The timeline in one SQLite file: the embedded default.

mod generations;
mod snapshot;
mod write;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Row, Sqlite};
use uuid::Uuid;

pub use generations::generations;

use super::columns::Columns;
use super::reads::{Argument, Query, Reader};
use super::statements::{self, Statements};
use super::tables::{self, Store};
use super::{Changes, Checkpoint, Fault, Snapshot, Timeline, migrations};
use crate::database::sqlite::Pools;
use crate::log::TopicPartition;

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub async fn open(file: &Path) -> Result<Arc<dyn Timeline>, Fault> {
    let pools = crate::database::sqlite::open(file, &migrations::sqlite()).await?;
    Ok(tables::timeline(Database(pools)))
}

struct Database(Pools);

fn fault(error: sqlx::Error) -> Fault {
    crate::database::sqlite::fault(error).into()
}

impl Columns for SqliteRow {
    fn text(&self, name: &'static str) -> Result<Option<String>, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn integer(&self, name: &'static str) -> Result<Option<i64>, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn boolean(&self, name: &'static str) -> Result<bool, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn uuid(&self, name: &'static str) -> Result<Uuid, Fault> {
        self.try_get(name).map_err(fault)
    }
}

async fn fetch(connection: &mut SqliteConnection, (statement, arguments): Query<'_>) -> Result<Vec<SqliteRow>, Fault> {
    let mut query = sqlx::query::<Sqlite>(statement);
    for argument in arguments {
        query = match *argument {
            // Owned, because the driver's worker thread takes the values along.
            Argument::Text(text) => query.bind(text.to_owned()),
            Argument::Integer(integer) => query.bind(integer),
            Argument::Uuid(uuid) => query.bind(uuid),
        };
    }
    query.fetch_all(connection).await.map_err(fault)
}

#[async_trait]
impl Reader for Database {
    type Row = SqliteRow;

    fn statements(&self) -> &'static Statements {
        &statements::SQLITE
    }

    async fn rows(&self, query: Query<'_>) -> Result<Vec<SqliteRow>, Fault> {
        fetch(&mut *self.0.readers.acquire().await.map_err(fault)?, query).await
    }

    async fn snapshot<const N: usize>(&self, queries: [Query<'_>; N]) -> Result<[Vec<SqliteRow>; N], Fault> {
        // A deferred transaction: its first SELECT takes the snapshot that all the others see.
        let mut transaction = self.0.readers.begin().await.map_err(fault)?;
        let mut answers = [const { Vec::new() }; N];
        for (answer, query) in answers.iter_mut().zip(queries) {
            *answer = fetch(&mut transaction, query).await?;
        }
        transaction.commit().await.map_err(fault)?;
        Ok(answers)
    }
}

#[async_trait]
impl Store for Database {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    async fn apply(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault> {
        // IMMEDIATE takes the write lock at once, so that no transaction has to be given up half-way.
        let mut transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        write::checkpoint(&mut transaction, partition, expected, next).await?;
        write::rows(&mut transaction, changes).await?;
        transaction.commit().await.map_err(fault)
    }

    async fn amend(&self, changes: &Changes) -> Result<(), Fault> {
        let mut transaction = self.0.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?;
        write::rows(&mut transaction, changes).await?;
        transaction.commit().await.map_err(fault)
    }

    async fn moment(&self) -> Result<Box<dyn Snapshot>, Fault> {
        snapshot::begin(&self.0.readers).await
    }
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    /// What SQLite would do: one line a step.
    async fn plan(statement: &'static str) -> String {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        migrations::sqlite().run(&pool).await.unwrap();
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps = sqlx::query(explain).fetch_all(&pool).await.unwrap();
        steps.iter().map(|step| step.get::<String, _>("detail") + "\n").collect()
    }

    #[tokio::test]
    async fn a_file_from_before_sending_read_learns_who_sent_what() {
        let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        migrations::sqlite_until(1).run(&pool).await.unwrap();
        let earlier = "INSERT INTO messages (room_id, number, author, sent_at, version) \
            VALUES (x'01', 1, 'ann', 0, 1), (x'01', 2, 'bob', 0, 2), (x'01', 3, 'ann', 0, 3), (x'02', 1, 'bob', 0, 1)";
        sqlx::query(earlier).execute(&pool).await.unwrap();
        sqlx::query("INSERT INTO reads VALUES (x'01', 'ann', 1), (x'01', 'bob', 3)").execute(&pool).await.unwrap();
        migrations::sqlite().run(&pool).await.unwrap();
        let rows = sqlx::query("SELECT hex(room_id) || user_id || number AS line FROM reads ORDER BY line").fetch_all(&pool);
        let lines: Vec<String> = rows.await.unwrap().iter().map(|row| row.get("line")).collect();
        assert_eq!(lines, ["01ann3", "01bob3", "02bob1"]);
    }

    #[tokio::test]
    async fn pages_are_read_from_an_index_and_never_sorted() {
        let all = &statements::SQLITE;
        for statement in [
            all.messages_before,
            all.messages_after,
            all.messages_changed,
            all.message,
            all.room,
            all.public_rooms,
            all.members,
            all.member,
            all.mentions_of,
            all.reads_of,
        ] {
            let plan = plan(statement).await;
            assert!(!plan.contains("FOR ORDER BY"), "{statement}\n{plan}");
            let scans: Vec<&str> = plan.lines().filter(|step| step.starts_with("SCAN") && *step != "SCAN g").collect();
            assert!(scans.is_empty(), "{statement}\n{plan}");
        }
        // A person's rooms are sorted by what happens in them, which is no key of theirs; but nothing is scanned.
        let mine = plan(all.rooms_of).await;
        assert!(
            !mine.lines().any(|step| step.starts_with("SCAN") && !["SCAN g", "SCAN page", "SCAN w"].contains(&step)),
            "{mine}"
        );
    }
}
