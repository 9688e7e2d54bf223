//! A schema of a test's own in the Postgres of the tests.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};

/// The schema; whoever opens it makes it.
pub struct Schema {
    pub url: String,
    pub name: String,
}

impl Schema {
    /// One that nobody else has; nothing where there is no Postgres.
    pub fn fresh() -> Option<Self> {
        let url = crate::server("SARANGBANG_TEST_POSTGRES")?;
        Some(Self { url, name: format!("test_{}", infra::random::uuid_v4().simple()) })
    }

    pub async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Takes it away with all that is in it.
    pub async fn remove(self) {
        let drop = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::query(AssertSqlSafe(drop)).execute(&mut self.connection().await).await.unwrap();
    }
}
