//! One moment of the file: a read transaction, which in WAL mode holds up nobody.

use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use sha2::{Digest as _, Sha256};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Sqlite, Transaction};

use super::{fault, fetch};
use crate::read_model::reads::Query;
use crate::read_model::snapshot::{self, Digest, Moment, Table};
use crate::read_model::statements::{self, Statements};
use crate::read_model::{Fault, Snapshot};

/// Bytes of a checksum that are shown: enough that no accident repeats them.
const CHECKSUM_BYTES: usize = 16;

pub(super) async fn begin(pool: &SqlitePool) -> Result<Box<dyn Snapshot>, Fault> {
    snapshot::snapshot(Reading(pool.begin().await.map_err(fault)?)).await
}

struct Reading(Transaction<'static, Sqlite>);

#[async_trait]
impl Moment for Reading {
    type Row = SqliteRow;

    fn statements(&self) -> &'static Statements {
        &statements::SQLITE
    }

    async fn rows(&mut self, query: Query<'_>) -> Result<Vec<SqliteRow>, Fault> {
        fetch(&mut self.0, query).await
    }

    /// SQLite has no checksums of its own: the rows pass by here, in the order of the key, as literals.
    async fn digest(&mut self, table: Table) -> Result<Digest, Fault> {
        let literals: Vec<_> = table.columns.iter().map(|column| format!("quote({column})")).collect();
        let select = format!("SELECT {} FROM {} ORDER BY {}", literals.join(" || ',' || "), table.name, table.key);
        let mut lines = sqlx::query_scalar::<_, String>(AssertSqlSafe(select)).fetch(&mut *self.0);
        let (mut rows, mut checksum) = (0, Sha256::new());
        while let Some(line) = lines.try_next().await.map_err(fault)? {
            rows += 1;
            checksum.update(line);
            checksum.update(b"\n");
        }
        let bytes = checksum.finalize();
        let checksum = bytes.iter().take(CHECKSUM_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Ok(Digest { rows, checksum })
    }
}
