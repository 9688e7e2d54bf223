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
