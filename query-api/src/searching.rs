//! Where searches are answered from, and which rooms they may look into.
//!
//! The index knows nothing of memberships: a query names its rooms, and these come from the read model in the same request. So who was
//! removed from a room finds nothing of it any more, however late the index is.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::{RoomId, UserId};
use infra::http::ReadToken;
use infra::read_model::{Fault, Timeline};
use infra::search::{self, Rooms, Search};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::progress::{Behind, Progress};

/// The most rooms that one search without a room looks into: those of a person with the latest messages.
pub const ROOMS_MAX: u32 = 10_000;

/// The index, and how far it has come.
pub struct Searching {
    /// The index.
    pub index: Arc<dyn Search>,
    progress: Progress,
    /// Ends the task that keeps the progress.
    _polling: DropGuard,
}

impl Searching {
    /// Answers from `index`, with a task that ends with `cancel`.
    #[must_use]
    pub fn new(index: Arc<dyn Search>, cancel: &CancellationToken, tasks: &TaskTracker) -> Self {
        let cancel = cancel.child_token();
        let (progress, polling) = Progress::new(Arc::clone(&index), cancel.clone());
        tasks.spawn(polling);
        Self { index, progress, _polling: cancel.drop_guard() }
    }

    /// Returns once the index holds what `tokens` stand for and shows it.
    ///
    /// # Errors
    /// [`Behind`] when it does not at `deadline`.
    pub async fn reached(&self, tokens: &[ReadToken], deadline: Instant) -> Result<(), Behind> {
        for token in tokens {
            self.progress.reached(token.topic, token.partition, token.sequence, deadline).await?;
        }
        if tokens.is_empty() { Ok(()) } else { self.index.refresh().await.map_err(|_: search::Fault| Behind) }
    }
}

/// The rooms that `user` may look into without naming one: those that they are in.
///
/// # Errors
/// [`Fault`].
pub async fn rooms_of(timeline: &dyn Timeline, user: &UserId) -> Result<Rooms, Fault> {
    let rooms: BTreeSet<RoomId> = timeline.rooms_in(user, ROOMS_MAX).await?.into_iter().collect();
    Ok(Rooms::Of(rooms))
}
