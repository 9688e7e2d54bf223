//! The credentials in Postgres, in a schema of their own, best in a database of their own that no other service may reach.

use std::sync::Arc;

use super::sql::Store;
use super::{Credentials, Fault, migrations};
use crate::database::migrations::migrator;
use crate::database::postgres::{Place, open};

/// Connects to the database at `url` with at most `connections_max` connections, makes `schema` where it does not exist, and
/// brings its tables up to date. Several nodes may do so at once.
///
/// # Errors
/// [`Fault::Rejected`] for a schema name that is not lower-case letters, digits and underscores, or a bad URL;
/// [`Fault::Unavailable`] where the database cannot be reached or its tables were made by a later version of the program.
pub async fn connect(url: &str, schema: &str, connections_max: u32) -> Result<Arc<dyn Credentials>, Fault> {
    let (application, statement_timeout, lock_timeout) = ("sarangbang-auth", "10s", "5s");
    let place = Place { url, schema, application, connections_max, statement_timeout, lock_timeout };
    Ok(Arc::new(Store(open(&place, &migrator(migrations::POSTGRES)).await?)))
}
