//! The SQL of both databases: the same statements, because both have `ON CONFLICT`, `RETURNING` and `$1`. What decides a race is
//! always the write itself (`UPDATE … WHERE … RETURNING`), never a look before it: SQLite has one writer at a time, Postgres locks
//! the row that is written.

mod accounts;
mod audit;
mod backoff;
mod keys;
mod log;
mod outbox;
mod sessions;
mod store;

use async_trait::async_trait;
use domain::{Timestamp, UserId};
use uuid::Uuid;

#[cfg(test)]
pub(super) use audit::FORGOTTEN;
pub(super) use store::Store;

use super::{Fault, UnknownWord};

/// A value of a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(Option<String>),
    Number(i64),
    Id(Option<Uuid>),
    Bytes(Vec<u8>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}
impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(Some(text.clone()))
    }
}
impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}
impl From<&UserId> for Value {
    fn from(user: &UserId) -> Self {
        Self::Text(Some(user.to_string()))
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}
impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        Self::Number(at.as_millis())
    }
}
impl From<Uuid> for Value {
    fn from(id: Uuid) -> Self {
        Self::Id(Some(id))
    }
}
impl From<Option<Uuid>> for Value {
    fn from(id: Option<Uuid>) -> Self {
        Self::Id(id)
    }
}
impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

/// The values of a statement, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::credentials::sql::Value::from($value)),*] };
}
use values;

/// A row of an answer.
pub(super) trait Columns: Send + Sync {
    fn text(&self, name: &str) -> Result<Option<String>, Fault>;
    fn number(&self, name: &str) -> Result<Option<i64>, Fault>;
    fn id(&self, name: &str) -> Result<Option<Uuid>, Fault>;
    fn bytes(&self, name: &str) -> Result<Vec<u8>, Fault>;
}

/// A row, whichever database it came from.
pub(super) type Row = Box<dyn Columns>;

/// A column that holds what it must not.
fn broken(name: &str, why: impl std::fmt::Display) -> Fault {
    Fault::Unavailable(format!("the column {name} cannot be read: {why}"))
}

impl dyn Columns {
    fn must_text(&self, name: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    fn must_number(&self, name: &str) -> Result<i64, Fault> {
        self.number(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    fn must_id(&self, name: &str) -> Result<Uuid, Fault> {
        self.id(name)?.ok_or_else(|| broken(name, "it is empty"))
    }
    fn user(&self, name: &str) -> Result<UserId, Fault> {
        UserId::parse(&self.must_text(name)?).map_err(|error| broken(name, error))
    }
    fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        Timestamp::from_millis(self.must_number(name)?).map_err(|error| broken(name, error))
    }
    fn word<W: std::str::FromStr<Err = UnknownWord>>(&self, name: &str) -> Result<W, Fault> {
        self.must_text(name)?.parse().map_err(|error| broken(name, error))
    }
}

/// A transaction. Dropping it takes everything back.
#[async_trait]
pub(super) trait Transaction: Send {
    /// Runs a statement; its rows, if it returns any.
    async fn rows(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Fault>;

    /// Runs a statement; how many rows it wrote.
    async fn run(&mut self, statement: &'static str, values: Vec<Value>) -> Result<u64, Fault>;

    /// Makes it all true.
    async fn commit(self: Box<Self>) -> Result<(), Fault>;
}

impl dyn Transaction + '_ {
    /// The only row, if there is one.
    async fn row(&mut self, statement: &'static str, values: Vec<Value>) -> Result<Option<Row>, Fault> {
        Ok(self.rows(statement, values).await?.into_iter().next())
    }
}

/// A database.
#[async_trait]
pub(super) trait Database: Send + Sync + 'static {
    fn kind(&self) -> &'static str;

    /// Begins a transaction that writes.
    async fn write(&self) -> Result<Box<dyn Transaction>, Fault>;

    /// Begins one that only reads.
    async fn read(&self) -> Result<Box<dyn Transaction>, Fault>;
}
