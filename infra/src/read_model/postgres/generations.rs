//! The generations as schemas side by side: `timeline` is the first, `timeline_g2` the second, and the table
//! `timeline_control.control` says which is live.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Row};

use super::{connect, fault, place};
use crate::database::migrations::{Scripts, migrator};
use crate::database::postgres::open;
use crate::read_model::generations::{Control, Generation, Generations, Stated};
use crate::read_model::{Fault, Timeline};

/// Connections for the control table.
const CONNECTIONS_MAX: u32 = 2;
/// The table may be there from before it was made by a migration.
const SCRIPTS: Scripts = &[(
    1,
    "control",
    "CREATE TABLE IF NOT EXISTS control \
     (only_one boolean PRIMARY KEY CHECK (only_one), revision bigint NOT NULL, document text NOT NULL)",
)];

/// Connects to the control table beside `schema`, the schema of the first generation; makes it where there is none. Each
/// generation that is opened later takes at most `connections_max` connections.
///
/// # Errors
/// As [`connect`].
pub async fn generations(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Generations>, Fault> {
    let control_schema = format!("{schema}_control");
    let control = open(&place(url, &control_schema, "sarangbang-control", CONNECTIONS_MAX), &migrator(SCRIPTS)).await?;
    let begin = sqlx::query("INSERT INTO control (only_one, revision, document) VALUES (true, 1, $1) ON CONFLICT DO NOTHING");
    begin.bind(Control::default().to_text()?).execute(&control).await.map_err(fault)?;
    Ok(Arc::new(Schemas { url: url.to_owned(), schema: schema.to_owned(), connections_max, control }))
}

struct Schemas {
    url: String,
    schema: String,
    connections_max: u32,
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
        // A name cannot be bound; this one is a schema's own, checked when it was made, and a number.
        let drop = AssertSqlSafe(format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", self.name(generation)));
        sqlx::query(drop).execute(&self.control).await.map(std::mem::drop).map_err(fault)
    }
}
