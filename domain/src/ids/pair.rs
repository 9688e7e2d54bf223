//! Two people, as one stream names them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UserId;

/// What stands between the two ids; it cannot stand in either.
const SEPARATOR: char = ':';

/// Two different people, sorted: whoever of them is named first, it is the same pair. Written `alice:bob`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pair {
    lower: UserId,
    upper: UserId,
}

/// It is no pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pair is two different user ids in their order, with a colon between them")]
pub struct PairError;

impl Pair {
    /// The pair of two people; nothing when they are the same.
    #[must_use]
    pub fn of(one: &UserId, other: &UserId) -> Option<Self> {
        let (lower, upper) = if one < other { (one, other) } else { (other, one) };
        (lower != upper).then(|| Self { lower: lower.clone(), upper: upper.clone() })
    }

    /// Both, in their order.
    #[must_use]
    pub const fn both(&self) -> [&UserId; 2] {
        [&self.lower, &self.upper]
    }

    /// The other one of the two; nothing when `one` is neither.
    #[must_use]
    pub fn other(&self, one: &UserId) -> Option<&UserId> {
        match one {
            one if *one == self.lower => Some(&self.upper),
            one if *one == self.upper => Some(&self.lower),
            _ => None,
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.lower, self.upper)
    }
}
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Pair {
    type Err = PairError;
    fn from_str(raw: &str) -> Result<Self, PairError> {
        let (lower, upper) = raw.split_once(SEPARATOR).ok_or(PairError)?;
        let pair = Self { lower: lower.parse().map_err(|_| PairError)?, upper: upper.parse().map_err(|_| PairError)? };
        // One pair has one spelling: it is the key of a stream.
        if pair.lower < pair.upper && pair.to_string() == raw { Ok(pair) } else { Err(PairError) }
    }
}
impl TryFrom<String> for Pair {
    type Error = PairError;
    fn try_from(raw: String) -> Result<Self, PairError> {
        raw.parse()
    }
}
impl From<Pair> for String {
    fn from(pair: Pair) -> Self {
        pair.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_one_spelling() {
        let (ann, bob) = (UserId::parse("ann").unwrap(), UserId::parse("bob").unwrap());
        let pair = Pair::of(&bob, &ann).unwrap();
        assert_eq!((Some(&pair), pair.to_string().as_str()), (Pair::of(&ann, &bob).as_ref(), "ann:bob"));
        assert_eq!("ann:bob".parse(), Ok(pair.clone()));
        for raw in ["bob:ann", "ann:ann", "Ann:bob", "ann", "ann:bob:cid", ":bob", ""] {
            assert_eq!(raw.parse::<Pair>(), Err(PairError), "{raw}");
        }
        assert_eq!(Pair::of(&ann, &ann), None);
        assert_eq!((pair.other(&ann), pair.other(&UserId::parse("cid").unwrap())), (Some(&bob), None));
    }
}
