//! Reads the control document again and again, for all parts of a process that go by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Control, Generations, Stated};
use crate::read_model::Fault;

/// How soon every process knows of a change.
pub const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The control document as it was read last.
#[derive(Clone)]
pub struct ControlWatch {
    generations: Arc<dyn Generations>,
    seen: watch::Receiver<Stated>,
    /// When the question was asked whose answer was read last.
    asked_at: Arc<Mutex<Instant>>,
    poke: Arc<Notify>,
}

impl ControlWatch {
    /// Reads the document, and goes on reading it until `cancel`.
    ///
    /// # Errors
    /// As [`Generations::control`].
    pub async fn start(generations: Arc<dyn Generations>, cancel: &CancellationToken) -> Result<Self, Fault> {
        let asked = Instant::now();
        let (sender, seen) = watch::channel(generations.control().await?);
        let watch = Self { generations, seen, asked_at: Arc::new(Mutex::new(asked)), poke: Arc::default() };
        let (polling, cancel) = (watch.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = polling.poll(&sender) => {}
            }
        });
        Ok(watch)
    }

    async fn poll(&self, seen: &watch::Sender<Stated>) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = self.poke.notified() => {}
            }
            let asked = Instant::now();
            match self.generations.control().await {
                Ok(stated) => {
                    failing = false;
                    *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner) = asked;
                    seen.send_if_modified(|known| {
                        let newer = stated.revision > known.revision;
                        if newer {
                            *known = stated;
                        }
                        newer
                    });
                }
                Err(fault) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%fault, "cannot ask which generation of the read model is live");
                    }
                }
            }
        }
    }

    /// What was read last.
    #[must_use]
    pub fn get(&self) -> Stated {
        self.seen.borrow().clone()
    }

    /// Reads it now.
    ///
    /// # Errors
    /// As [`Generations::control`].
    pub async fn read(&self) -> Result<Stated, Fault> {
        self.generations.control().await
    }

    /// What was read last, and each change of it.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Stated> {
        self.seen.clone()
    }

    /// When the question was asked whose answer was read last: what it says was true then.
    #[must_use]
    pub fn asked_at(&self) -> Instant {
        *self.asked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the document, if it is still the one of revision `expected`; says whether it was. Known here at once.
    ///
    /// # Errors
    /// As [`Generations::decide`].
    pub async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault> {
        let decided = self.generations.decide(expected, next).await;
        self.poke.notify_one();
        decided
    }
}
