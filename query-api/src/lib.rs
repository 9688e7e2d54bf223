//! The read side as people see it: queries over HTTP, and the live feed over WebSockets.
//!
//! Invariants:
//! * this crate writes no events and no read models; the one thing it writes is typing notices, which last seconds;
//! * every read of a room is authorised by [`access::may_read`], in the same answer of the read model that it returns;
//! * a socket gets each room's changes in order, without a gap or a duplicate, or is told to start anew.
//!
//! # How to add a query
//!
//! 1. Add one file under `http/`: parameters, the handler with `Authenticated` and `Fresh`, `#[utoipa::path]` above it.
//! 2. Add it to the two lists in `http/mod.rs`; a test names what is missing.

pub mod access;
pub mod cursor;
pub mod dto;
mod http;
pub mod progress;

use std::sync::Arc;

use infra::log::Log;
use infra::read_model::Timeline;
use infra::tokens::Verifier;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use http::{openapi, router};
use progress::Progress;

/// What the service may use.
#[derive(Debug, Clone, Default)]
pub struct Options {}

/// The service: started once, shared by all requests.
pub struct QueryApi {
    timeline: Arc<dyn Timeline>,
    log: Arc<dyn Log>,
    verifier: Arc<Verifier>,
    progress: Progress,
    tasks: TaskTracker,
}

impl QueryApi {
    /// Starts the service's tasks. They end with `cancel`.
    #[must_use]
    pub fn start(
        _options: Options,
        timeline: Arc<dyn Timeline>,
        log: Arc<dyn Log>,
        verifier: Arc<Verifier>,
        cancel: &CancellationToken,
    ) -> Arc<Self> {
        let tasks = TaskTracker::new();
        let (progress, polling) = Progress::new(timeline.clone(), cancel.child_token());
        tasks.spawn(polling);
        tasks.close();
        Arc::new(Self { timeline, log, verifier, progress, tasks })
    }

    /// Returns once all of its tasks have ended, after `cancel`.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}
