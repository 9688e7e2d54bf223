//! The live generation, opened, for those who read it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{ControlWatch, Generation, Generations, POLL_INTERVAL};
use crate::read_model::{Fault, Timeline};

/// How long a reader goes on with a generation without hearing that it is the live one. After that it answers nothing, so that
/// a generation that has not been live for longer can be taken away: nobody reads it.
pub const LEASE: Duration = Duration::from_secs(10);

/// A generation and its tables.
pub struct Opened {
    /// Which.
    pub generation: Generation,
    /// Its tables.
    pub timeline: Arc<dyn Timeline>,
}

/// Follows the pointer to the live generation. Whoever begins to read takes [`Current::get`] once and stays with it, so that no
/// answer comes from two generations.
#[derive(Clone)]
pub struct Current {
    opened: watch::Receiver<Arc<Opened>>,
    /// When it was last known to be live.
    confirmed_at: Arc<Mutex<Instant>>,
    lease: Duration,
}

impl Current {
    /// Opens the live generation, and follows the pointer until `cancel`; `lease` is [`LEASE`], or shorter.
    ///
    /// # Errors
    /// As [`Generations::control`] and [`Generations::open`].
    pub async fn follow(generations: Arc<dyn Generations>, lease: Duration, cancel: &CancellationToken) -> Result<Self, Fault> {
        let watch = ControlWatch::start(Arc::clone(&generations), cancel).await?;
        let (asked, generation) = (watch.asked_at(), watch.get().control.live);
        let timeline = generations.open(generation).await?;
        let (sender, opened) = watch::channel(Arc::new(Opened { generation, timeline }));
        let current = Self { opened, confirmed_at: Arc::new(Mutex::new(asked)), lease };
        let (following, cancel) = (current.clone(), cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = following.keep(&watch, &*generations, &sender) => {}
            }
        });
        Ok(current)
    }

    /// The live generation.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] when it was not heard for longer than the lease which one that is.
    pub fn get(&self) -> Result<Arc<Opened>, Fault> {
        let confirmed_at = *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if confirmed_at.elapsed() > self.lease {
            return Err(Fault::Unavailable("it is not known which generation of the read model is live".to_owned()));
        }
        Ok(self.opened.borrow().clone())
    }

    async fn keep(&self, watch: &ControlWatch, generations: &dyn Generations, sender: &watch::Sender<Arc<Opened>>) {
        let mut changes = watch.subscribe();
        loop {
            let (asked, live) = (watch.asked_at(), watch.get().control.live);
            match self.change_over(live, generations, sender).await {
                // In this order: first the right generation, then the word that it is the right one.
                Ok(()) => *self.confirmed_at.lock().unwrap_or_else(PoisonError::into_inner) = asked,
                Err(fault) => tracing::warn!(%fault, generation = %live, "cannot open the generation that is live"),
            }
            // Whatever ends the wait, the loop looks anew; the watch lives as long as this.
            let _ = tokio::time::timeout(POLL_INTERVAL, changes.changed()).await;
        }
    }

    async fn change_over(
        &self,
        live: Generation,
        generations: &dyn Generations,
        sender: &watch::Sender<Arc<Opened>>,
    ) -> Result<(), Fault> {
        if sender.borrow().generation != live {
            let timeline = generations.open(live).await?;
            sender.send_replace(Arc::new(Opened { generation: live, timeline }));
            tracing::info!(generation = %live, "reading another generation of the read model");
        }
        Ok(())
    }
}
