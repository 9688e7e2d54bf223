//! The state of sagas in one SQLite file: the embedded default.

use std::path::Path;
use std::sync::Arc;

use super::sql::Store;
use super::{Fault, SagaState};
use crate::database::migrations::{Scripts, migrator};
use crate::database::sqlite;

const SCRIPTS: Scripts = &[(1, "sagas", include_str!("../../migrations/sagas/sqlite/0001_sagas.sql"))];

/// Opens the file, made when it does not exist, and brings its schema up to date.
///
/// # Errors
/// [`Fault::Unavailable`] where it cannot be opened, or was made by a later version of the program.
pub async fn open(file: &Path) -> Result<Arc<dyn SagaState>, Fault> {
    Ok(Arc::new(Store(sqlite::open(file, &migrator(SCRIPTS)).await?)))
}
