//! What the adapters on SQL databases share: how a database is opened and its tables are brought up to date, what a fault of it means,
//! and transactions over either database for ports whose statements both understand.
//!
//! Invariants:
//! * a schema is brought up to date without a limit of time: a migration of a large table takes as long as it takes, and a node that
//!   waits for another node's migration waits; every other statement has a limit;
//! * a commit is on disk when it returns;
//! * a checkpoint moves only from the position that the writer expects.

pub(crate) mod checkpoints;
pub(crate) mod migrations;
pub(crate) mod postgres;
pub(crate) mod sqlite;
mod transaction;
mod value;

pub(crate) use transaction::{Columns, Database, Row, Transaction, transactions};
pub(crate) use value::{Value, values};

/// What went wrong with a database.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Fault {
    /// The values themselves are refused (a constraint, a size, a name): trying again will not help.
    #[error("the database refuses the values: {0}")]
    Rejected(String),
    /// The database cannot be reached, is overloaded, or holds what this version cannot read: trying again later may help.
    #[error("the database is not available: {0}")]
    Unavailable(String),
}

/// A column that holds what it must not.
pub(crate) fn broken(name: &str, why: impl std::fmt::Display) -> Fault {
    Fault::Unavailable(format!("the column {name} cannot be read: {why}"))
}
