//! Generations of the read model: a new one is built beside the one that is live, and readers change over in one step.
//!
//! What is kept of it is one small document, [`Control`], changed by compare-and-set alone: so at any moment, also after a crash
//! at any moment, exactly one generation is live. Every process reads it again and again ([`ControlWatch`]). Readers go on with a
//! generation only while they know that it is the live one ([`Current`]); that is what makes removing an old one safe.
//!
//! A generation's number is never given twice, so that nobody who was asleep can write into a later one.

mod control;
mod current;
mod watch;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use control::{Comparison, Control, Rebuild, Stage, Stated, Verification};
pub use current::{Current, LEASE, Opened};
pub use watch::{ControlWatch, POLL_INTERVAL};

use super::{Fault, Timeline};

/// The number of a generation, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u32);

impl Generation {
    /// The one that exists from the beginning. It lives where the read model lived before there were generations.
    pub const FIRST: Self = Self(1);

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number itself.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where the generations of the read model are kept.
#[async_trait]
pub trait Generations: Send + Sync + 'static {
    /// `postgres` or `sqlite`, for people.
    fn kind(&self) -> &'static str;

    /// What is decided; the first generation alone and live, where nothing ever was.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn control(&self) -> Result<Stated, Fault>;

    /// Replaces the document, if it still has the revision `expected`; says whether it had.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]: it may or may not have been replaced.
    async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault>;

    /// Opens a generation, made where it is not there, with its tables up to date.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault>;

    /// Takes a generation away with all that is in it; nothing happens where there is none.
    ///
    /// # Errors
    /// [`Fault::Unavailable`]: it may be gone in part, and should be taken away again.
    async fn remove(&self, generation: Generation) -> Result<(), Fault>;
}
