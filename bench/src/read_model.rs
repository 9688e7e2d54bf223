//! Read models that one row has to itself: a schema in Postgres, or a SQLite file.

use std::sync::Arc;

use anyhow::Context;
use async_trait::async_trait;
use infra::random;
use infra::read_model::generations::{Control, Generation, Generations, Stated};
use infra::read_model::{Fault, Timeline, postgres};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection};

/// Where the database is: what `cargo xtask services` writes into `env`.
pub const POSTGRES_VARIABLE: &str = "SARANGBANG_TEST_POSTGRES";
/// As many as a process of ours has unless it is told otherwise (`read_model.postgres_connections_max`).
pub const CONNECTIONS: u32 = 8;

/// A read model that is open already, as the one generation that there is: what is measured is not the opening.
pub struct Alone(pub Arc<dyn Timeline>);

#[async_trait]
impl Generations for Alone {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }
    async fn control(&self) -> Result<Stated, Fault> {
        Ok(Stated { revision: 1, control: Control::default() })
    }
    async fn decide(&self, _: u64, _: &Control) -> Result<bool, Fault> {
        Ok(false)
    }
    async fn open(&self, _: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        Ok(Arc::clone(&self.0))
    }
    async fn remove(&self, _: Generation) -> Result<(), Fault> {
        Ok(())
    }
}

/// An empty schema with our tables.
pub struct Schema {
    url: String,
    name: String,
    /// The read model in it, as the program opens it.
    pub timeline: Arc<dyn Timeline>,
}

impl Schema {
    /// Makes one.
    ///
    /// # Errors
    /// When nothing says where Postgres is, or it does not answer.
    pub async fn make() -> anyhow::Result<Self> {
        let url = std::env::var(POSTGRES_VARIABLE).with_context(|| format!("{POSTGRES_VARIABLE} does not name the database"))?;
        let name = format!("bench_{}", random::uuid_v4().simple());
        let timeline = postgres::connect(&url, &name, CONNECTIONS).await?;
        Ok(Self { url, name, timeline })
    }

    /// The bare way in: as many connections as the read model has, and nothing done between a caller and a statement.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn pool(&self) -> anyhow::Result<PgPool> {
        let options: PgConnectOptions = self.url.parse()?;
        let options = options.options([("search_path", self.name.as_str())]);
        let pool = PgPoolOptions::new().min_connections(CONNECTIONS).max_connections(CONNECTIONS).test_before_acquire(false);
        Ok(pool.connect_with(options).await?)
    }

    /// Takes it away.
    ///
    /// # Errors
    /// When Postgres does not answer.
    pub async fn remove(self) -> anyhow::Result<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        // A name cannot be bound; this one is our own.
        let drop = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.name));
        sqlx::query(drop).execute(&mut connection).await?;
        connection.close().await?;
        Ok(())
    }
}
