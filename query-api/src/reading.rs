//! What one answer is made from: one generation of the read model, and how far that one has come.
//!
//! Whoever begins to answer takes [`Readings::now`] once and stays with it. So no answer mixes two generations, and who waits for
//! an event (`Read-After`) waits for the very generation that is then read.

use std::sync::{Arc, Mutex, PoisonError};

use infra::read_model::generations::{Current, Generation, Opened};
use infra::read_model::{Fault, Timeline};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::progress::Progress;

/// A generation of the read model, for as long as somebody answers from it.
pub struct Reading {
    generation: Generation,
    /// Its tables.
    pub timeline: Arc<dyn Timeline>,
    /// How far it has come.
    pub progress: Progress,
    /// Ends the task that keeps the progress.
    _polling: DropGuard,
}

/// Hands out the generation that is live.
pub struct Readings {
    current: Current,
    latest: Mutex<Option<Arc<Reading>>>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

impl Readings {
    /// Reads `current`, with tasks that end with `cancel`.
    #[must_use]
    pub fn new(current: Current, cancel: &CancellationToken, tasks: &TaskTracker) -> Self {
        Self { current, latest: Mutex::default(), cancel: cancel.clone(), tasks: tasks.clone() }
    }

    /// The live generation.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when it is not known which one that is.
    pub fn now(&self) -> Result<Arc<Reading>, Fault> {
        let opened = self.current.get()?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = match latest.take().filter(|latest| latest.generation == opened.generation) {
            Some(reading) => reading,
            None => Arc::new(reading(&opened, &self.cancel, &self.tasks)),
        };
        Ok(latest.insert(reading).clone())
    }
}

fn reading(opened: &Opened, cancel: &CancellationToken, tasks: &TaskTracker) -> Reading {
    let cancel = cancel.child_token();
    let (progress, polling) = Progress::new(opened.timeline.clone(), cancel.clone());
    tasks.spawn(polling);
    let (generation, timeline) = (opened.generation, opened.timeline.clone());
    Reading { generation, timeline, progress, _polling: cancel.drop_guard() }
}
