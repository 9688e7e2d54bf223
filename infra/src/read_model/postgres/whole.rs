//! Connections on which what was begun comes to its end, or nothing ever again.

use sqlx::Postgres;
use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;

/// A connection that goes back to its pool by [`Self::give_back`] alone. Whoever gives a write up half-way, in the middle of a COPY say,
/// leaves answers on the way that the next one would take for its own: so the connection is closed, and Postgres undoes what was begun.
pub(super) struct Whole(Option<PoolConnection<Postgres>>);

impl Whole {
    pub(super) const fn new(connection: PoolConnection<Postgres>) -> Self {
        Self(Some(connection))
    }

    /// The connection; there until it is given back.
    pub(super) fn connection(&mut self) -> Option<&mut PgConnection> {
        self.0.as_deref_mut()
    }

    /// All that was begun has ended, well or badly.
    pub(super) fn give_back(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            tracing::debug!("a write was given up half-way; its connection is closed");
            drop(connection.detach());
        }
    }
}
