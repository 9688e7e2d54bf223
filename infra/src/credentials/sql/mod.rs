//! The SQL of both databases. What decides a race is always the write itself (`UPDATE … WHERE … RETURNING`), never a look before it.

mod accounts;
mod audit;
mod backoff;
mod keys;
mod log;
mod outbox;
mod sessions;
mod store;

#[cfg(test)]
pub(super) use audit::FORGOTTEN;
pub(super) use store::Store;

use crate::database::{Database, Row, Transaction, broken, values};
