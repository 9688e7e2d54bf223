//! Parts of worlds that many worlds share, each with a fingerprint that is taken once.

use std::hash::{BuildHasher as _, Hash};
use std::rc::Rc;

use foldhash::quality::FixedState;

/// A part of the world, with its fingerprint.
#[derive(Debug, Clone)]
pub struct Shared<T>(Rc<(u64, T)>);

impl<T> std::ops::Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.1
    }
}

impl<T> Shared<T> {
    /// The fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.0.0
    }
}

impl<T: Clone> Shared<T> {
    /// A part, with what `fingerprint` makes of it.
    pub fn new(value: T, fingerprint: impl FnOnce(&T) -> u64) -> Self {
        let fingerprint = fingerprint(&value);
        Self(Rc::new((fingerprint, value)))
    }

    /// Changes this copy alone.
    pub fn changed<R>(&mut self, fingerprint: impl FnOnce(&T) -> u64, change: impl FnOnce(&mut T) -> R) -> R {
        let mut value = T::clone(self);
        let given = change(&mut value);
        *self = Self::new(value, fingerprint);
        given
    }
}

/// A fingerprint of anything. Different values collide with a probability of 2⁻⁶⁴ a pair.
pub fn fingerprint(value: &impl Hash) -> u64 {
    FixedState::with_seed(0).hash_one(value)
}
