//! How many sockets there may be, and who holds them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::UserId;

/// Counts the sockets of this node.
#[derive(Debug, Default)]
pub struct Admission(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_user: HashMap<UserId, usize>,
}

/// Why there is no room for another socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// This node has as many as it may.
    Node,
    /// This person has.
    Person,
}

/// The place of one socket; free again when dropped.
#[derive(Debug)]
pub struct Place {
    admission: Arc<Admission>,
    user: UserId,
}

impl Admission {
    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`] when there is none.
    pub fn enter(self: &Arc<Self>, user: &UserId, all_max: usize, per_user_max: usize) -> Result<Place, Full> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= all_max {
            return Err(Full::Node);
        }
        let own = counts.by_user.entry(user.clone()).or_default();
        if *own >= per_user_max {
            return Err(Full::Person);
        }
        *own += 1;
        counts.all += 1;
        metrics::gauge!("sarangbang_live_sockets").increment(1.0);
        Ok(Place { admission: self.clone(), user: user.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.admission.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(own) = counts.by_user.get_mut(&self.user) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                counts.by_user.remove(&self.user);
            }
        }
        metrics::gauge!("sarangbang_live_sockets").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_and_given_back() {
        let admission = Arc::new(Admission::default());
        let (ann, bob) = (UserId::parse("ann").unwrap(), UserId::parse("bob").unwrap());
        let first = admission.enter(&ann, 3, 2).unwrap();
        let _second = admission.enter(&ann, 3, 2).unwrap();
        assert_eq!(admission.enter(&ann, 3, 2).unwrap_err(), Full::Person);
        let _third = admission.enter(&bob, 3, 2).unwrap();
        assert_eq!(admission.enter(&bob, 3, 2).unwrap_err(), Full::Node);
        drop(first);
        assert!(admission.enter(&ann, 3, 2).is_ok());
    }
}
