//! Looks at a database without changing anything: what `sarangbang doctor` tells.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::generations::schema_of;
use super::{fault, migrations};
use crate::read_model::Fault;
use crate::read_model::generations::Stated;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The server's version, such as `15.8`.
    pub server_version: String,
    /// The schema of the generation that is live.
    pub schema: String,
    /// Whether it is there.
    pub schema_exists: bool,
    /// The migrations that were run in it.
    pub migrations_run: u64,
    /// The migrations that this program has.
    pub migrations_known: u64,
    /// How many connections the server takes in all.
    pub connections_max: u64,
}

/// Looks at the database at `url`, and in it at the live generation of those that begin with `schema`.
///
/// # Errors
/// [`Fault::Rejected`] for a URL that is none, [`Fault::Unavailable`] where the database does not answer.
pub async fn inspect(url: &str, schema: &str) -> Result<Inspection, Fault> {
    let server: PgConnectOptions = url.parse().map_err(|_| Fault::Rejected("the Postgres URL cannot be read".to_owned()))?;
    let mut connection = PgConnection::connect_with(&server.application_name("sarangbang-doctor")).await.map_err(fault)?;
    let schema = live(&mut connection, schema).await?;
    let row = sqlx::query(
        "SELECT current_setting('server_version') AS version, current_setting('max_connections')::bigint AS connections,
                EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1) AS there,
                EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = '_sqlx_migrations') AS migrated",
    );
    let row = row.bind(&schema).fetch_one(&mut connection).await.map_err(fault)?;
    let migrations_run = if row.try_get("migrated").map_err(fault)? {
        // A name cannot be bound; quoting makes any name safe.
        let quoted = schema.replace('"', "\"\"");
        let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{quoted}\"._sqlx_migrations WHERE success"));
        sqlx::query_scalar::<_, i64>(count).fetch_one(&mut connection).await.map_err(fault)?
    } else {
        0
    };
    let whole = |number: i64| u64::try_from(number).unwrap_or_default();
    let inspection = Inspection {
        server_version: row.try_get("version").map_err(fault)?,
        schema,
        schema_exists: row.try_get("there").map_err(fault)?,
        migrations_run: whole(migrations_run),
        migrations_known: migrations::postgres().iter().count() as u64,
        connections_max: whole(row.try_get("connections").map_err(fault)?),
    };
    connection.close().await.map_err(fault)?;
    Ok(inspection)
}

/// The schema of the live generation; the first one's, where nothing was ever decided.
async fn live(connection: &mut PgConnection, schema: &str) -> Result<String, Fault> {
    let exists = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = 'control')");
    let control = format!("{schema}_control");
    if !exists.bind(&control).fetch_one(&mut *connection).await.map_err(fault)? {
        return Ok(schema.to_owned());
    }
    let document = AssertSqlSafe(format!("SELECT revision, document FROM \"{}\".control", control.replace('"', "\"\"")));
    let row = sqlx::query(document).fetch_one(connection).await.map_err(fault)?;
    let stated = Stated::read(row.try_get("revision").map_err(fault)?, row.try_get("document").map_err(fault)?)?;
    Ok(schema_of(schema, stated.control.live))
}
