//! What an operator may ask for and about, as a typed service: the internal listener offers it as JSON ([`crate::http`]).
//!
//! Any node of the projectors answers and decides for all of them: what is asked for is written into the control document or the
//! topic `parked`, and done by whoever does it.

mod parked;
mod projections;

use std::sync::Arc;

use infra::read_model::generations::Control;
use infra::search::Search;

pub use parked::Shown;
pub use projections::{Progress, Projection, Rebuilding};

use crate::partition::Shared;
use crate::{Fault, Refusal};

/// How often a decision is tried while others decide at the same time.
const DECISIONS_MAX: usize = 20;

/// Why a request came to nothing.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It cannot be done as things are.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It failed and may be tried again.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<infra::read_model::Fault> for Error {
    fn from(fault: infra::read_model::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<infra::log::Fault> for Error {
    fn from(fault: infra::log::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

impl From<infra::search::Fault> for Error {
    fn from(fault: infra::search::Fault) -> Self {
        Self::Fault(fault.into())
    }
}

/// The operations of the projectors.
#[derive(Clone)]
pub struct Operations {
    shared: Arc<Shared>,
    /// The search index, where this process feeds one.
    search: Option<Arc<dyn Search>>,
}

impl Operations {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, search: None }
    }

    /// These, also for what the search index could not take.
    #[must_use]
    pub fn with_search(self, search: Arc<dyn Search>) -> Self {
        Self { search: Some(search), ..self }
    }

    /// Takes a step of the control document, on what it is now. Asking twice for the same is no fault where the step says so.
    async fn decide(&self, step: impl Fn(&Control) -> Result<Control, Refusal>) -> Result<(), Error> {
        for _ in 0..DECISIONS_MAX {
            let stated = self.shared.control.read().await?;
            let next = step(&stated.control)?;
            if next == stated.control || self.shared.control.decide(stated.revision, &next).await? {
                return Ok(());
            }
        }
        let busy = "others decide about the read model all the time".to_owned();
        Err(infra::read_model::Fault::Unavailable(busy).into())
    }
}
