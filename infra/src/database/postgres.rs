//! Postgres: a schema of its own for each use, made where it does not exist and brought up to date.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection, Postgres};

use super::{Database, Fault, Transaction, transactions};

/// How long a request waits for a connection.
const CONNECTION_WAIT_MAX: Duration = Duration::from_secs(5);
/// A connection that nobody used for this long is asked whether it is still there before it is used. Asking each time would cost every
/// query a round trip more; so one that broke a moment ago fails one query.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(1);
/// The most characters of a schema name: Postgres cuts longer ones.
const SCHEMA_CHARACTERS_MAX: usize = 63;
/// The advisory lock under which schemas are made: "sarangba" in ASCII.
const SCHEMA_LOCK: i64 = 0x7361_7261_6e67_6261;

/// A schema, and how it is used.
pub(crate) struct Place<'a> {
    /// The database.
    pub url: &'a str,
    /// The schema in it.
    pub schema: &'a str,
    /// What the server calls our connections.
    pub application: &'static str,
    /// Connections at most; two at least.
    pub connections_max: u32,
    /// How long the server works on one statement before it gives up, as Postgres writes times.
    pub statement_timeout: &'static str,
    /// How long a statement waits for a lock.
    pub lock_timeout: &'static str,
}

/// Makes the schema where it does not exist, brings it up to date, and connects. Several nodes may do so at once.
///
/// # Errors
/// [`Fault::Rejected`] for a schema name that is not lower-case letters, digits and underscores, or a bad URL;
/// [`Fault::Unavailable`] where the database cannot be reached or its tables were made by a later version of the program.
pub(crate) async fn open(place: &Place<'_>, migrations: &Migrator) -> Result<PgPool, Fault> {
    let server: PgConnectOptions =
        place.url.parse().map_err(|_| Fault::Rejected("the Postgres URL cannot be read".to_owned()))?;
    let server = server.application_name(place.application);
    make_schema(&server, place.schema).await?;
    let in_schema = |statement: &'static str, lock: &'static str| {
        server.clone().options([("search_path", place.schema), ("statement_timeout", statement), ("lock_timeout", lock)])
    };
    // Without limits, whatever the role has by default: neither a long migration nor the wait for another node's may be cut off.
    let unlimited = PgPoolOptions::new().max_connections(1).acquire_timeout(CONNECTION_WAIT_MAX);
    let unlimited = unlimited.connect_with(in_schema("0", "0")).await.map_err(fault)?;
    migrations.run(&unlimited).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    unlimited.close().await;
    PgPoolOptions::new()
        .max_connections(place.connections_max.max(2))
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
        .connect_with(in_schema(place.statement_timeout, place.lock_timeout))
        .await
        .map_err(fault)
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

/// Says whether trying again helps. Only what blames the values does not: classes 22 (data) and 23 (constraint), and 54 (a row beyond a
/// limit of the server). A missing table blames the operator.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub(crate) fn fault(error: sqlx::Error) -> Fault {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    let blames_values = ["22", "23", "54"].iter().any(|class| code.starts_with(class));
    if blames_values || matches!(error, sqlx::Error::Encode(_)) {
        Fault::Rejected(error.to_string())
    } else {
        Fault::Unavailable(error.to_string())
    }
}

#[async_trait]
impl Database for PgPool {
    fn kind(&self) -> &'static str {
        "postgres"
    }
    async fn write(&self) -> Result<Box<dyn Transaction>, Fault> {
        Ok(Box::new(Begun(self.begin().await.map_err(fault)?)))
    }
    async fn read(&self) -> Result<Box<dyn Transaction>, Fault> {
        Ok(Box::new(Begun(self.begin_with("BEGIN READ ONLY").await.map_err(fault)?)))
    }
}

transactions!(Postgres, PgArguments, PgRow);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::migrations::{Scripts, migrator};

    /// Takes longer than any statement may in the place below.
    const LONG: Scripts = &[(1, "long", "SELECT pg_sleep(1.5); CREATE TABLE made (number BIGINT)")];

    #[tokio::test]
    async fn a_migration_may_take_longer_than_a_statement_and_another_node_waits_for_it() {
        let Ok(url) = std::env::var("SARANGBANG_TEST_POSTGRES") else {
            assert!(std::env::var_os("SARANGBANG_TEST_REQUIRE_SERVERS").is_none(), "SARANGBANG_TEST_POSTGRES is not set");
            return;
        };
        let schema = format!("test_{}", crate::random::uuid_v4().simple());
        let place = Place {
            url: &url,
            schema: &schema,
            application: "sarangbang-test",
            connections_max: 2,
            statement_timeout: "500ms",
            lock_timeout: "200ms",
        };
        let migrations = migrator(LONG);
        let (one, other) = tokio::join!(open(&place, &migrations), open(&place, &migrations));
        let (pool, _) = (one.unwrap(), other.unwrap());
        sqlx::query("INSERT INTO made VALUES (1)").execute(&pool).await.unwrap();
        let cut_off = sqlx::query("SELECT pg_sleep(60)").execute(&pool).await;
        assert!(matches!(cut_off.map_err(fault), Err(Fault::Unavailable(_))), "every other statement has a limit");
        let drop = AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
        sqlx::query(drop).execute(&mut PgConnection::connect(&url).await.unwrap()).await.unwrap();
    }
}
