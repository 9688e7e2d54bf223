//! The timeline in Postgres, in a schema of its own: so a new version of the read model can be built beside the old.

mod copy;
mod generations;
mod inspect;
mod snapshot;
mod write;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Postgres, Row};
use uuid::Uuid;

pub use generations::generations;
pub use inspect::{Inspection, inspect};

use super::columns::Columns;
use super::reads::{Argument, Query, Reader};
use super::statements::{self, Statements};
use super::tables::{self, Store};
use super::{Changes, Checkpoint, Fault, Snapshot, Timeline, migrations};
use crate::log::TopicPartition;
use copy::Copied;
use write::New;

/// How long a query waits for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);
/// A connection that nobody used for this long is asked whether it is still there before it is used. Asking each time would cost every
/// query a round trip more; so one that broke a moment ago fails one query.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(1);
/// How long the server works on one statement, and waits for a lock, before it gives up.
const STATEMENT_TIMEOUT: &str = "30s";
const LOCK_TIMEOUT: &str = "10s";
/// The most characters of a schema name: Postgres cuts longer ones.
const SCHEMA_CHARACTERS_MAX: usize = 63;
/// The advisory lock under which schemas are made: "sarangba" in ASCII.
const SCHEMA_LOCK: i64 = 0x7361_7261_6e67_6261;

/// Connects to the database at `url` with at most `connections_max` connections, makes `schema` where it does not exist, and
/// brings its tables up to date. Several nodes may do so at once.
///
/// # Errors
/// [`Fault::Rejected`] for a schema name that is not lower-case letters, digits and underscores, or a bad URL;
/// [`Fault::Unavailable`] where the database cannot be reached or its tables were made by a later version of the program.
pub async fn connect(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Timeline>, Fault> {
    let server: PgConnectOptions = url.parse().map_err(|_| Fault::Rejected("the Postgres URL cannot be read".to_owned()))?;
    let server = server.application_name("sarangbang");
    make_schema(&server, schema).await?;
    let options =
        server.options([("search_path", schema), ("statement_timeout", STATEMENT_TIMEOUT), ("lock_timeout", LOCK_TIMEOUT)]);
    let pool = PgPoolOptions::new()
        .max_connections(connections_max.max(2))
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .test_before_acquire(false)
        .before_acquire(|connection, idle| {
            Box::pin(async move {
                if idle.idle_for >= IDLE_TRUSTED_MAX {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .map_err(fault)?;
    migrations::postgres().run(&pool).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    Ok(tables::timeline(Database { pool }))
}

/// `CREATE SCHEMA IF NOT EXISTS` alone fails for the second of two nodes that run it at once.
async fn make_schema(server: &PgConnectOptions, schema: &str) -> Result<(), Fault> {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_';
    let proper = schema.starts_with(letter)
        && schema.len() <= SCHEMA_CHARACTERS_MAX
        && schema.chars().all(|c| letter(c) || c.is_ascii_digit());
    if !proper {
        return Err(Fault::Rejected(format!("{schema:?} is no schema name: lower-case letters, digits and underscores")));
    }
    let mut connection = PgConnection::connect_with(server).await.map_err(fault)?;
    let mut transaction = connection.begin().await.map_err(fault)?;
    lock_schemas(&mut transaction).await?;
    // A name cannot be bound; this one was checked above.
    let create = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
    sqlx::query(create).execute(&mut *transaction).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    connection.close().await.map_err(fault)
}

/// Holds up everybody else who makes schemas, until the transaction ends.
async fn lock_schemas(connection: &mut PgConnection) -> Result<(), Fault> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK).execute(connection).await.map_err(fault)?;
    Ok(())
}

struct Database {
    pool: PgPool,
}

impl Database {
    /// Writes a batch; nothing of it where a row that should be new was there already, which [`New::Guarded`] does not mind.
    async fn write(
        &self,
        changes: &Changes,
        partition: TopicPartition,
        expected: Checkpoint,
        next: Checkpoint,
        new: New,
    ) -> Result<Copied, Fault> {
        let mut transaction = self.pool.begin().await.map_err(fault)?;
        write::checkpoint(&mut transaction, partition, expected, next).await?;
        let copied = write::rows(&mut transaction, changes, new).await?;
        match copied {
            Copied::All => transaction.commit().await.map_err(fault)?,
            Copied::Refused => transaction.rollback().await.map_err(fault)?,
        }
        Ok(copied)
    }
}

/// Says whether trying again helps. Only what blames the values does not: classes 22 (data) and 23 (constraint), and 54 (a row
/// beyond a limit of the server). A missing table blames the operator, and parking every event would not help.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn fault(error: sqlx::Error) -> Fault {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    let blames_values = ["22", "23", "54"].iter().any(|class| code.starts_with(class));
    if blames_values || matches!(error, sqlx::Error::Encode(_)) {
        Fault::Rejected(error.to_string())
    } else {
        Fault::Unavailable(error.to_string())
    }
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
