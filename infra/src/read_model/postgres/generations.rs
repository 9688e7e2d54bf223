//! The generations as schemas side by side: `timeline` is the first, `timeline_g2` the second, and the table
//! `timeline_control.control` says which is live.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Row};

use super::{CONNECTION_WAIT_MAX, LOCK_TIMEOUT, STATEMENT_TIMEOUT, connect, fault, make_schema};
use crate::read_model::generations::{Control, Generation, Generations, Stated};
use crate::read_model::{Fault, Timeline};

/// Connections for the control table.
const CONNECTIONS_MAX: u32 = 2;

/// Connects to the control table beside `schema`, the schema of the first generation; makes it where there is none. Each
/// generation that is opened later takes at most `connections_max` connections.
///
/// # Errors
/// As [`connect`].
pub async fn generations(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Generations>, Fault> {
    let server: PgConnectOptions = url.parse().map_err(|_| Fault::Rejected("the Postgres URL cannot be read".to_owned()))?;
    let control_schema = format!("{schema}_control");
    make_schema(&server, &control_schema).await?;
    let options = server.application_name("sarangbang-control").options([
        ("search_path", control_schema.as_str()),
        ("statement_timeout", STATEMENT_TIMEOUT),
        ("lock_timeout", LOCK_TIMEOUT),
    ]);
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS_MAX).acquire_timeout(CONNECTION_WAIT_MAX);
    let control = pool.connect_with(options.clone()).await.map_err(fault)?;
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS control \
        (only_one boolean PRIMARY KEY CHECK (only_one), revision bigint NOT NULL, document text NOT NULL)";
    let mut transaction = control.begin().await.map_err(fault)?;
    super::lock_schemas(&mut transaction).await?;
    sqlx::query(TABLE).execute(&mut *transaction).await.map_err(fault)?;
    let begin = sqlx::query("INSERT INTO control (only_one, revision, document) VALUES (true, 1, $1) ON CONFLICT DO NOTHING");
    begin.bind(Control::default().to_text()?).execute(&mut *transaction).await.map_err(fault)?;
    transaction.commit().await.map_err(fault)?;
    Ok(Arc::new(Schemas { url: url.to_owned(), schema: schema.to_owned(), connections_max, options, control }))
}

struct Schemas {
    url: String,
    schema: String,
    connections_max: u32,
    options: PgConnectOptions,
    control: PgPool,
}

impl Schemas {
    fn name(&self, generation: Generation) -> String {
        schema_of(&self.schema, generation)
    }
}

/// The schema of a generation, where the first one's is `first`.
pub(super) fn schema_of(first: &str, generation: Generation) -> String {
    if generation == Generation::FIRST { first.to_owned() } else { format!("{first}_g{generation}") }
}

#[async_trait]
impl Generations for Schemas {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    async fn control(&self) -> Result<Stated, Fault> {
        let row = sqlx::query("SELECT revision, document FROM control").fetch_one(&self.control).await.map_err(fault)?;
        Stated::read(row.try_get("revision").map_err(fault)?, row.try_get("document").map_err(fault)?)
    }

    async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault> {
        let replace = sqlx::query("UPDATE control SET revision = revision + 1, document = $1 WHERE revision = $2");
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        let replaced = replace.bind(next.to_text()?).bind(expected).execute(&self.control).await.map_err(fault)?;
        Ok(replaced.rows_affected() == 1)
    }

    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        connect(&self.url, &self.name(generation), self.connections_max).await
    }

    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        let mut connection = PgConnection::connect_with(&self.options).await.map_err(fault)?;
        // A name cannot be bound; this one is a schema's own, checked when it was made, and a number.
        let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name(generation)));
        sqlx::query(drop).execute(&mut connection).await.map_err(fault)?;
        connection.close().await.map_err(fault)
    }
}
