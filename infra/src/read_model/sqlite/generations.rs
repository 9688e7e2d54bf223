//! The generations as files side by side: `timeline.sqlite` is the first, `timeline.g2.sqlite` the second, and
//! `timeline.control.sqlite` says which is live.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::{OPENING_PAUSE_MAX, OPENINGS_MAX, WAIT_MAX, fault, open};
use crate::read_model::generations::{Control, Generation, Generations, Stated};
use crate::read_model::{Fault, Timeline};

/// Opens the control file beside `first`, the file of the first generation; makes it where there is none.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened.
pub async fn generations(first: &Path) -> Result<Arc<dyn Generations>, Fault> {
    let mut attempt = 1;
    loop {
        match connect(first).await {
            Ok(files) => return Ok(Arc::new(files)),
            Err(fault) if attempt >= OPENINGS_MAX => return Err(fault),
            Err(_) => tokio::time::sleep(crate::random::jitter(OPENING_PAUSE_MAX)).await,
        }
        attempt += 1;
    }
}

async fn connect(first: &Path) -> Result<Files, Fault> {
    let options = SqliteConnectOptions::new()
        .filename(beside(first, "control"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT_MAX);
    let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(WAIT_MAX).idle_timeout(None);
    let control = pool.connect_with(options).await.map_err(fault)?;
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS control \
        (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL, document TEXT NOT NULL) STRICT";
    sqlx::query(TABLE).execute(&control).await.map_err(fault)?;
    let begin = sqlx::query("INSERT INTO control (only, revision, document) VALUES (1, 1, $1) ON CONFLICT DO NOTHING");
    begin.bind(Control::default().to_text()?).execute(&control).await.map_err(fault)?;
    Ok(Files { first: first.to_owned(), control })
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
