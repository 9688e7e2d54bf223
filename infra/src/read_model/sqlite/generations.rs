//! The generations as files side by side: `timeline.sqlite` is the first, `timeline.g2.sqlite` the second, and
//! `timeline.control.sqlite` says which is live.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use super::{fault, open};
use crate::database::migrations::{Scripts, migrator};
use crate::read_model::generations::{Control, Generation, Generations, Stated};
use crate::read_model::{Fault, Timeline};

/// The table may be there from before it was made by a migration.
const SCRIPTS: Scripts = &[(
    1,
    "control",
    "CREATE TABLE IF NOT EXISTS control \
     (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL, document TEXT NOT NULL) STRICT",
)];

/// Opens the control file beside `first`, the file of the first generation; makes it where there is none.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened.
pub async fn generations(first: &Path) -> Result<Arc<dyn Generations>, Fault> {
    let pools = crate::database::sqlite::open(&beside(first, "control"), &migrator(SCRIPTS)).await?;
    let begin = sqlx::query("INSERT INTO control (only, revision, document) VALUES (1, 1, $1) ON CONFLICT DO NOTHING");
    begin.bind(Control::default().to_text()?).execute(&pools.writer).await.map_err(fault)?;
    Ok(Arc::new(Files { first: first.to_owned(), control: pools.writer }))
}

struct Files {
    first: PathBuf,
    control: SqlitePool,
}

impl Files {
    fn file(&self, generation: Generation) -> PathBuf {
        if generation == Generation::FIRST { self.first.clone() } else { beside(&self.first, &format!("g{generation}")) }
    }
}

/// `timeline.sqlite` → `timeline.WHAT.sqlite`.
fn beside(first: &Path, what: &str) -> PathBuf {
    let extension = first.extension().unwrap_or_default().to_string_lossy();
    first.with_extension(format!("{what}.{extension}"))
}

#[async_trait]
impl Generations for Files {
    fn kind(&self) -> &'static str {
        "sqlite"
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
        open(&self.file(generation)).await
    }

    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        // The file itself last: as long as it is there, the others belong to it.
        for suffix in ["-wal", "-shm", ""] {
            let mut file = self.file(generation).into_os_string();
            file.push(suffix);
            match tokio::fs::remove_file(&file).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Fault::Unavailable(error.to_string())),
                _ => {}
            }
        }
        Ok(())
    }
}
