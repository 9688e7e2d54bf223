//! The read side as people see it: queries over HTTP, and the live feed over WebSockets.
//!
//! Invariants:
//! * this crate writes no events and no read models; the one thing it writes is typing notices, which last seconds;
//! * every answer comes from one generation of the read model ([`reading`]);
//! * every read of a room is authorised by [`access::may_read`], in the same answer of the read model that it returns;
//! * a search looks only into rooms that the read model says the caller may read at that moment ([`searching`]);
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
pub mod reading;
pub mod searching;
pub mod ws;

use std::sync::Arc;

use infra::clock::Clock;
use infra::log::Log;
use infra::read_model::generations::Current;
use infra::search::Search;
use infra::tokens::Verifier;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use http::{openapi, router};
use reading::Readings;
use searching::Searching;

/// What the service may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// What sockets may use.
    pub sockets: ws::Limits,
}

/// What the service stands on.
pub struct Ports {
    /// Where queries are answered from.
    pub read_model: Current,
    /// Where searches are answered from; none where the system has no index.
    pub search: Option<Arc<dyn Search>>,
    /// What the live feed follows.
    pub log: Arc<dyn Log>,
    /// Who is who.
    pub verifier: Arc<Verifier>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The service: started once, shared by all requests.
pub struct QueryApi {
    readings: Arc<Readings>,
    searching: Option<Searching>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn Log>,
    verifier: Arc<Verifier>,
    live: Arc<ws::Live>,
    tasks: TaskTracker,
}

impl QueryApi {
    /// Starts the service's tasks. They end with `cancel`; sockets are then closed in a way that lets clients resume elsewhere.
    #[must_use]
    pub fn start(options: Options, ports: Ports, cancel: &CancellationToken) -> Arc<Self> {
        let Ports { read_model, search, log, verifier, clock } = ports;
        let tasks = TaskTracker::new();
        let readings = Arc::new(Readings::new(read_model, cancel, &tasks));
        let searching = search.map(|search| Searching::new(search, cancel, &tasks));
        let live = ws::Live::start(ws::Parts {
            readings: readings.clone(),
            log: log.clone(),
            verifier: verifier.clone(),
            clock: clock.clone(),
            limits: options.sockets,
            cancel: cancel.clone(),
            tasks: tasks.clone(),
        });
        tasks.close();
        Arc::new(Self { readings, searching, clock, log, verifier, live, tasks })
    }

    /// What the service still waits for before it should be sent requests; nothing when it is ready.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        match self.live.catching_up() {
            0 => Vec::new(),
            partitions => vec![format!("the live feed: {partitions} partitions of the log are being read up to their end")],
        }
    }

    /// Returns once all of its tasks and sockets have ended, after `cancel`.
    pub async fn stopped(&self) {
        self.tasks.wait().await;
    }
}
