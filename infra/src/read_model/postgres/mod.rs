//! The timeline in Postgres, in a schema of its own: so a new version of the read model can be built beside the old.

mod copy;
mod generations;
mod inspect;
mod snapshot;
mod split;
mod whole;
mod write;

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::{Connection as _, Postgres, Row};
use uuid::Uuid;

pub use generations::generations;
pub use inspect::{Inspection, inspect};

use super::columns::Columns;
use super::reads::{Argument, Query, Reader};
use super::statements::{self, Statements};
use super::tables::{self, Store};
use super::{Changes, Checkpoint, Fault, Snapshot, Timeline, migrations};
use crate::database::postgres::{Place, open};
use crate::log::TopicPartition;
use copy::Copied;
use split::New;
use whole::Whole;

/// How long the server works on one statement, and waits for a lock, before it gives up.
const STATEMENT_TIMEOUT: &str = "30s";
const LOCK_TIMEOUT: &str = "10s";

/// Connects to the database at `url` with at most `connections_max` connections, makes `schema` where it does not exist, and
/// brings its tables up to date. Several nodes may do so at once.
///
/// # Errors
/// [`Fault::Rejected`] for a schema name that is not lower-case letters, digits and underscores, or a bad URL;
/// [`Fault::Unavailable`] where the database cannot be reached or its tables were made by a later version of the program.
pub async fn connect(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Timeline>, Fault> {
    let pool = open(&place(url, schema, "sarangbang", connections_max), &migrations::postgres()).await?;
    Ok(tables::timeline(Database { pool }))
}

const fn place<'a>(url: &'a str, schema: &'a str, application: &'static str, connections_max: u32) -> Place<'a> {
    let (statement_timeout, lock_timeout) = (STATEMENT_TIMEOUT, LOCK_TIMEOUT);
    Place { url, schema, application, connections_max, statement_timeout, lock_timeout }
}

struct Database {
    pool: PgPool,
}

impl Database {
    /// Writes a batch; nothing of it where a row that should be new was there already, which [`New::Guarded`] does not mind. It may be
    /// given up anywhere: then nothing of it is written.
    async fn write(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
        new: New,
    ) -> Result<Copied, Fault> {
        let mut whole = Whole::new(self.pool.acquire().await.map_err(fault)?);
        let Some(connection) = whole.connection() else { return Err(fault(sqlx::Error::PoolClosed)) };
        let written = write_on(connection, changes, partition, expected, next, new).await;
        whole.give_back();
        written
    }
}

async fn write_on(
    connection: &mut PgConnection,
    changes: &Changes,
    partition: TopicPartition,
    expected: Checkpoint,
    next: Checkpoint,
    new: New,
) -> Result<Copied, Fault> {
    let mut transaction = connection.begin().await.map_err(fault)?;
    write::checkpoint(&mut transaction, partition, expected, next).await?;
    let copied = write::rows(&mut transaction, changes, new).await?;
    match copied {
        Copied::All => transaction.commit().await.map_err(fault)?,
        Copied::Refused => transaction.rollback().await.map_err(fault)?,
    }
    Ok(copied)
}

fn fault(error: sqlx::Error) -> Fault {
    crate::database::postgres::fault(error).into()
}

impl Columns for PgRow {
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

async fn fetch(connection: &mut PgConnection, (statement, arguments): Query<'_>) -> Result<Vec<PgRow>, Fault> {
    let mut query = sqlx::query::<Postgres>(statement);
    for argument in arguments {
        query = match *argument {
            Argument::Text(text) => query.bind(text),
            Argument::Integer(integer) => query.bind(integer),
            Argument::Uuid(uuid) => query.bind(uuid),
        };
    }
    query.fetch_all(connection).await.map_err(fault)
}

#[async_trait]
impl Reader for Database {
    type Row = PgRow;

    fn statements(&self) -> &'static Statements {
        &statements::POSTGRES
    }

    async fn rows(&self, query: Query<'_>) -> Result<Vec<PgRow>, Fault> {
        fetch(&mut *self.pool.acquire().await.map_err(fault)?, query).await
    }

    async fn snapshot<const N: usize>(&self, queries: [Query<'_>; N]) -> Result<[Vec<PgRow>; N], Fault> {
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(fault)?;
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
        "postgres"
    }

    async fn apply(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
    ) -> Result<(), Fault> {
        match self.write(changes, partition, expected, next, New::Copied).await? {
            Copied::All => Ok(()),
            // A replay, or a parked event that came later and was tried again before this one: seldom, and then it takes longer.
            Copied::Refused => self.write(changes, partition, expected, next, New::Guarded).await.map(drop),
        }
    }

    async fn amend(&self, changes: &Changes) -> Result<(), Fault> {
        let mut transaction = self.pool.begin().await.map_err(fault)?;
        // What is amended may well be there already, and is never much.
        write::rows(&mut transaction, changes, New::Guarded).await?;
        transaction.commit().await.map_err(fault)
    }

    async fn moment(&self) -> Result<Box<dyn Snapshot>, Fault> {
        snapshot::begin(&self.pool).await
    }
}
