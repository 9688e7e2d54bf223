//! The state of sagas in Postgres, in a schema of its own.

use std::sync::Arc;

use super::sql::Store;
use super::{Fault, SagaState};
use crate::database::migrations::{Scripts, migrator};
use crate::database::postgres::{Place, open};

const SCRIPTS: Scripts = &[(1, "sagas", include_str!("../../migrations/sagas/postgres/0001_sagas.sql"))];

/// Connects to the database at `url` with at most `connections_max` connections, makes `schema` where it does not exist, and brings its
/// tables up to date. Several nodes may do so at once.
///
/// # Errors
/// [`Fault::Rejected`] for a schema name that is not lower-case letters, digits and underscores, or a bad URL; [`Fault::Unavailable`]
/// where the database cannot be reached or its tables were made by a later version of the program.
pub async fn connect(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn SagaState>, Fault> {
    let place =
        Place { url, schema, application: "sarangbang-sagas", connections_max, statement_timeout: "10s", lock_timeout: "5s" };
    Ok(Arc::new(Store(open(&place, &migrator(SCRIPTS)).await?)))
}
