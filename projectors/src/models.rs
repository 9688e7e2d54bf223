//! The generations that this node has open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra::read_model::generations::{ControlWatch, Generation, Generations};
use infra::read_model::{Fault, Timeline};
use tokio::sync::Mutex;

/// Opens each generation once.
pub(crate) struct Models {
    generations: Arc<dyn Generations>,
    control: ControlWatch,
    opened: Mutex<BTreeMap<Generation, Arc<dyn Timeline>>>,
}

impl Models {
    pub(crate) fn new(generations: Arc<dyn Generations>, control: ControlWatch) -> Self {
        Self { generations, control, opened: Mutex::default() }
    }

    pub(crate) fn kind(&self) -> &'static str {
        self.generations.kind()
    }

    /// The tables of `generation`.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]; also for one that was given up, which opening would make anew.
    pub(crate) async fn get(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        let kept = self.find(generation).await?;
        kept.ok_or_else(|| Fault::Unavailable(format!("generation {generation} was given up")))
    }

    /// The tables of `generation`, if this node knows it to be kept: it may have been given up, or not have been heard of yet.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    pub(crate) async fn find(&self, generation: Generation) -> Result<Option<Arc<dyn Timeline>>, Fault> {
        let mut opened = self.opened.lock().await;
        if !self.control.get().control.kept().contains(&generation) {
            return Ok(None);
        }
        if let Some(timeline) = opened.get(&generation) {
            return Ok(Some(Arc::clone(timeline)));
        }
        let timeline = self.generations.open(generation).await?;
        opened.insert(generation, Arc::clone(&timeline));
        Ok(Some(timeline))
    }

    /// Closes all others, as soon as nobody uses them.
    pub(crate) async fn keep(&self, kept: &BTreeSet<Generation>) {
        self.opened.lock().await.retain(|generation, _| kept.contains(generation));
    }

    /// Takes a generation away that was given up.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    pub(crate) async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        self.opened.lock().await.remove(&generation);
        self.generations.remove(generation).await
    }
}
