//! Which tails have come to the log's end once.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

/// One mark a partition; set once, never taken back.
#[derive(Debug)]
pub struct Readiness(Vec<AtomicBool>);

impl Readiness {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(partitions: NonZeroU32) -> Self {
        Self((0..partitions.get()).map(|_| AtomicBool::new(false)).collect())
    }

    /// The tail of `partition` is.
    pub fn caught_up(&self, partition: u32) {
        if let Some(mark) = usize::try_from(partition).ok().and_then(|at| self.0.get(at)) {
            mark.store(true, Ordering::Relaxed);
        }
    }

    /// How many are not.
    #[must_use]
    pub fn missing(&self) -> usize {
        self.0.iter().filter(|mark| !mark.load(Ordering::Relaxed)).count()
    }
}
