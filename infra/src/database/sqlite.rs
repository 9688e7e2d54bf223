//! One SQLite file: the embedded default.
//!
//! One connection writes and a few read, beside it and each other (WAL). A commit is on disk when it returns (`synchronous=FULL`). The
//! file belongs to one machine; several processes may open it. It is readable by its owner alone.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Sqlite;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};

use super::{Database, Fault, Transaction, transactions};

/// Connections that read.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock, and a request for a connection.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Pages that a connection keeps in memory, in KiB.
const CACHE_KIB: i64 = 8 * 1024;
/// How often opening is tried, and the longest pause between. Of two processes that make the file at once one may find it locked, or
/// half made: SQLite has no advisory lock for that. The other is done in a moment.
const OPENINGS_MAX: u32 = 10;
const OPENING_PAUSE_MAX: Duration = Duration::from_millis(200);

/// The connections to one file.
pub(crate) struct Pools {
    /// One, which writes.
    pub writer: SqlitePool,
    /// Those that only read.
    pub readers: SqlitePool,
}

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub(crate) async fn open(file: &Path, migrations: &Migrator) -> Result<Pools, Fault> {
    let mut attempt = 1;
    loop {
        match open_once(file, migrations).await {
            Ok(pools) => return Ok(pools),
            Err(fault) if attempt >= OPENINGS_MAX => return Err(fault),
            Err(_) => tokio::time::sleep(crate::random::jitter(OPENING_PAUSE_MAX)).await,
        }
        attempt += 1;
    }
}

async fn open_once(file: &Path, migrations: &Migrator) -> Result<Pools, Fault> {
    // Made here, because SQLite would make it readable by others; its journals take the file's own mode.
    let made = std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(file);
    made.map_err(|error| Fault::Unavailable(format!("{}: {error}", file.display())))?;
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(WAIT_MAX)
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("temp_store", "MEMORY");
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections).acquire_timeout(WAIT_MAX).idle_timeout(None);
    let writer = pool(1).connect_with(options.clone()).await.map_err(fault)?;
    migrations.run(&writer).await.map_err(|error| Fault::Unavailable(error.to_string()))?;
    let readers = pool(READERS).connect_with(options.pragma("query_only", "ON")).await.map_err(fault)?;
    Ok(Pools { writer, readers })
}

/// Says whether trying again helps. The primary code is the lowest byte of SQLite's extended code.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
pub(crate) fn fault(error: sqlx::Error) -> Fault {
    const TOO_BIG: i32 = 18;
    const CONSTRAINT: i32 = 19;
    const MISMATCH: i32 = 20;
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    match (code.map(|code| code & 0xff), &error) {
        (Some(TOO_BIG | CONSTRAINT | MISMATCH), _) | (_, sqlx::Error::Encode(_)) => Fault::Rejected(error.to_string()),
        _ => Fault::Unavailable(error.to_string()),
    }
}

#[async_trait]
impl Database for Pools {
    fn kind(&self) -> &'static str {
        "sqlite"
    }
    async fn write(&self) -> Result<Box<dyn Transaction>, Fault> {
        // IMMEDIATE takes the write lock at once, so that no transaction has to be given up half-way.
        Ok(Box::new(Begun(self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?)))
    }
    async fn read(&self) -> Result<Box<dyn Transaction>, Fault> {
        Ok(Box::new(Begun(self.readers.begin().await.map_err(fault)?)))
    }
}

transactions!(Sqlite, SqliteArguments, SqliteRow);
