//! Transactions over either database: the same statements, because both have `ON CONFLICT`, `RETURNING` and `$1`. What decides a race
//! is always the write itself (`UPDATE … WHERE …`), never a look before it: SQLite has one writer at a time, Postgres locks the row
//! that is written.

use async_trait::async_trait;
use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::{Fault, Value, broken};

/// A row of an answer.
pub(crate) trait Columns: Send + Sync {
    fn text(&self, name: &str) -> Result<Option<String>, Fault>;
    fn number(&self, name: &str) -> Result<Option<i64>, Fault>;
    fn id(&self, name: &str) -> Result<Option<Uuid>, Fault>;
    fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault>;
}

/// A row, whichever database it came from.
pub(crate) type Row = Box<dyn Columns>;

impl dyn Columns {
    pub(crate) fn must_text(&self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    pub(crate) fn must_number(&self, name: &str) -> Result<i64, Fault> {
        self.number(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    pub(crate) fn must_id(&self, name: &str) -> Result<Uuid, Fault> {
        self.id(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    /// A number that is never negative.
    pub(crate) fn must_count(&self, name: &str) -> Result<u64, Fault> {
        u64::try_from(self.must_number(name)?).map_err(|error| broken(name, error))
    }
    pub(crate) fn user(&self, name: &str) -> Result<UserId, Fault> {
        UserId::parse(&self.must_text(name)?).map_err(|error| broken(name, error))
    }
    pub(crate) fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        Timestamp::from_millis(self.must_number(name)?).map_err(|error| broken(name, error))
    }
    pub(crate) fn maybe_time(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        self.number(name)?.map(|ms| Timestamp::from_millis(ms).map_err(|error| broken(name, error))).transpose()
    }
    /// A word that its type knows.
    pub(crate) fn word<W: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<W, Fault> {
        self.must_text(name)?.parse().map_err(|error| broken(name, error))
    }
}

/// A transaction. Dropping it takes everything back.
#[async_trait]
pub(crate) trait Transaction: Send {
    /// Runs a statement; its rows, if it returns any.
    async fn rows(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Fault>;

    /// Runs a statement; how many rows it wrote.
    async fn run(&mut self, statement: &'static str, values: Vec<Value>) -> Result<u64, Fault>;

    /// Makes it all true.
    async fn commit(self: Box<Self>) -> Result<(), Fault>;
}

impl dyn Transaction + '_ {
    /// The only row, if there is one.
    pub(crate) async fn row(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }
}

/// A database.
#[async_trait]
pub(crate) trait Database: Send + Sync + 'static {
    fn kind(&self) -> &'static str;

    /// Begins a transaction that writes.
    async fn write(&self) -> Result<Box<dyn Transaction>, Fault>;

    /// Begins one that only reads.
    async fn read(&self) -> Result<Box<dyn Transaction>, Fault>;
}

/// Transactions and rows over one of sqlx's databases. Its types have no common trait by which a value could be bound and read, so
/// that this is written once as a macro.
macro_rules! transactions {
    ($database:ty, $arguments:ty, $row:ty) => {
        struct Begun(sqlx::Transaction<'static, $database>);

        fn query(
            statement: &'static str,
            values: Vec<$crate::database::Value>,
        ) -> sqlx::query::Query<'static, $database, $arguments> {
            use $crate::database::Value;
            values.into_iter().fold(sqlx::query(statement), |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Id(id) => query.bind(id),
                Value::Bytes(bytes) => query.bind(bytes),
            })
        }

        #[async_trait::async_trait]
        impl $crate::database::Transaction for Begun {
            async fn rows(
                &mut self,
                statement: &'static str,
                values: Vec<$crate::database::Value>,
            ) -> Result<Vec<$crate::database::Row>, Fault> {
                let rows = query(statement, values).fetch_all(&mut *self.0).await.map_err(fault)?;
                Ok(rows.into_iter().map(|row| Box::new(row) as $crate::database::Row).collect())
            }
            async fn run(&mut self, statement: &'static str, values: Vec<$crate::database::Value>) -> Result<u64, Fault> {
                query(statement, values).execute(&mut *self.0).await.map(|done| done.rows_affected()).map_err(fault)
            }
            async fn commit(self: Box<Self>) -> Result<(), Fault> {
                self.0.commit().await.map_err(fault)
            }
        }

        impl $crate::database::Columns for $row {
            fn text(&self, name: &str) -> Result<Option<String>, Fault> {
                sqlx::Row::try_get(self, name).map_err(fault)
            }
            fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
                sqlx::Row::try_get(self, name).map_err(fault)
            }
            fn id(&self, name: &str) -> Result<Option<uuid::Uuid>, Fault> {
                sqlx::Row::try_get(self, name).map_err(fault)
            }
            fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault> {
                sqlx::Row::try_get(self, name).map_err(fault)
            }
        }
    };
}
pub(crate) use transactions;
