//! The credentials in one SQLite file: the embedded default.

use std::path::Path;
use std::sync::Arc;

use super::sql::Store;
use super::{Credentials, Fault, migrations};
use crate::database::migrations::migrator;
use crate::database::sqlite;

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub async fn open(file: &Path) -> Result<Arc<dyn Credentials>, Fault> {
    Ok(Arc::new(Store(sqlite::open(file, &migrator(migrations::SQLITE)).await?)))
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::super::sql::FORGOTTEN;
    use super::*;

    #[tokio::test]
    async fn what_is_over_is_found_by_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let pools = sqlite::open(&folder.path().join("auth.db"), &migrator(migrations::SQLITE)).await.unwrap();
        for (statement, _) in FORGOTTEN {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
            let plan = sqlx::query(explain).bind(1_i64).bind(2_i64).fetch_all(&pools.writer).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().all(|step| !step.contains("SCAN") && !step.contains("TEMP B-TREE")), "{statement}: {plan:?}");
        }
    }
}
