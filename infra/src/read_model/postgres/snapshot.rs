//! One moment of the schema: a repeatable read, which holds up nobody.

use async_trait::async_trait;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{AssertSqlSafe, Postgres, Row, Transaction};

use super::{fault, fetch};
use crate::read_model::reads::Query;
use crate::read_model::snapshot::{self, Digest, Moment, Table};
use crate::read_model::statements::{self, Statements};
use crate::read_model::{Fault, Snapshot};

pub(super) async fn begin(pool: &PgPool) -> Result<Box<dyn Snapshot>, Fault> {
    let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(fault)?;
    // A checksum reads a whole table. This takes no snapshot yet; the first SELECT does.
    sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *transaction).await.map_err(fault)?;
    snapshot::snapshot(Reading(transaction)).await
}

struct Reading(Transaction<'static, Postgres>);

#[async_trait]
impl Moment for Reading {
    type Row = PgRow;

    fn statements(&self) -> &'static Statements {
        &statements::POSTGRES
    }

    async fn rows(&mut self, query: Query<'_>) -> Result<Vec<PgRow>, Fault> {
        fetch(&mut self.0, query).await
    }

    /// The sum of the rows' hashes: it needs no order, and no row leaves the server.
    async fn digest(&mut self, table: Table) -> Result<Digest, Fault> {
        let columns = table.columns.join(", ");
        let select = format!(
            "SELECT count(*) AS total, coalesce(sum(hashtextextended(ROW({columns})::text, 0)), 0)::text AS checksum FROM {}",
            table.name
        );
        let row = sqlx::query(AssertSqlSafe(select)).fetch_one(&mut *self.0).await.map_err(fault)?;
        let rows: i64 = row.try_get("total").map_err(fault)?;
        Ok(Digest { rows: u64::try_from(rows).unwrap_or_default(), checksum: row.try_get("checksum").map_err(fault)? })
    }
}
