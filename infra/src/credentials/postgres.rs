//! The credentials in Postgres, in a schema of their own, best in a database of their own that no other service may reach.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, Postgres, Row as _};
use uuid::Uuid;

use super::sql::{Columns, Database, Row, Store, Transaction, Value};
use super::{Credentials, Fault, migrations};

/// How long a request waits for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);
/// How long the server works on one statement, and waits for a lock, before it gives up.
const STATEMENT_TIMEOUT: &str = "10s";
const LOCK_TIMEOUT: &str = "5s";
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
pub async fn connect(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Credentials>, Fault> {
    let server: PgConnectOptions = url.parse().map_err(|_| Fault::Rejected("the Postgres URL cannot be read".to_owned()))?;
    let server = server.application_name("sarangbang-auth");
    make_schema(&server, schema).await?;
    let options =
        server.options([("search_path", schema), ("statement_timeout", STATEMENT_TIMEOUT), ("lock_timeout", LOCK_TIMEOUT)]);
    let pool = PgPoolOptions::new()
        .max_connections(connections_max.max(2))
        .acquire_timeout(CONNECTION_WAIT_MAX)
        .connect_with(options)
        .await
        .map_err(fault)?;
    migrations::postgres().run(&pool).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    Ok(Arc::new(Store(Pool(pool))))
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
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SCHEMA_LOCK).execute(&mut *transaction).await.map_err(fault)?;
    // A name cannot be bound; this one was checked above.
    let create = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\""));
    sqlx::query(create).execute(&mut *transaction).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    connection.close().await.map_err(fault)
}

/// Says whether trying again helps. Only what blames the values does not: classes 22 (data), 23 (constraint) and 54 (limits).
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn fault(error: sqlx::Error) -> Fault {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    if ["22", "23", "54"].iter().any(|class| code.starts_with(class)) {
        Fault::Rejected(error.to_string())
    } else {
        Fault::Unavailable(error.to_string())
    }
}

struct Pool(PgPool);

#[async_trait]
impl Database for Pool {
    fn kind(&self) -> &'static str {
        "postgres"
    }
    async fn write(&self) -> Result<Box<dyn Transaction>, Fault> {
        Ok(Box::new(Begun(self.0.begin().await.map_err(fault)?)))
    }
    async fn read(&self) -> Result<Box<dyn Transaction>, Fault> {
        Ok(Box::new(Begun(self.0.begin_with("BEGIN READ ONLY").await.map_err(fault)?)))
    }
}

struct Begun(sqlx::Transaction<'static, Postgres>);

fn query(statement: &'static str, values: Vec<Value>) -> Query<'static, Postgres, PgArguments> {
    values.into_iter().fold(sqlx::query(statement), |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Id(id) => query.bind(id),
        Value::Bytes(bytes) => query.bind(bytes),
    })
}

#[async_trait]
impl Transaction for Begun {
    async fn rows(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Fault> {
        let rows = query(statement, values).fetch_all(&mut *self.0).await.map_err(fault)?;
        Ok(rows.into_iter().map(|row| Box::new(row) as Row).collect())
    }
    async fn run(&mut self, statement: &'static str, values: Vec<Value>) -> Result<u64, Fault> {
        query(statement, values).execute(&mut *self.0).await.map(|done| done.rows_affected()).map_err(fault)
    }
    async fn commit(self: Box<Self>) -> Result<(), Fault> {
        self.0.commit().await.map_err(fault)
    }
}

impl Columns for PgRow {
    fn text(&self, name: &str) -> Result<Option<String>, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn id(&self, name: &str) -> Result<Option<Uuid>, Fault> {
        self.try_get(name).map_err(fault)
    }
    fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault> {
        self.try_get(name).map_err(fault)
    }
}
