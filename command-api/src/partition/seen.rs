//! Whether the local store can hold a command at all, asked before the store is: nearly every command is new, and to look for what
//! is not there costs most.
//!
//! A UUIDv7 says when it was made. [`Seen`] remembers the ids that were stored last, and the latest moment that any earlier one
//! claims, the *horizon*. An id made after the horizon was either stored since, and is remembered, or never.
//! Invariant: [`Seen::may_be_stored`] says "no" of nothing that was stored. It may say "perhaps" of what was not (ids that share
//! bits; a client whose clock is ahead takes the horizon with it): that costs a look-up and nothing else.

use domain::{CommandId, Timestamp};

/// The ids of one generation. Two are kept, so that at least so many of the last ones are remembered.
const GENERATION_IDS: usize = 65_536;
/// The bits of one generation, 128 KiB. With sixteen an id, one of two hundred new ids is looked up for nothing.
const GENERATION_BITS: usize = 1 << 20;
/// The bits of one id; all their numbers come out of one word of 64 bits.
const ID_BITS: [u32; 3] = [4, 24, 44];

/// The ids that the store may hold.
pub struct Seen {
    younger: Generation,
    older: Generation,
    /// No id that belongs to neither generation and stands in the store was made later. Nothing where there is none.
    horizon: Option<Timestamp>,
}

/// A Bloom filter, and the latest moment that its ids claim.
#[derive(Default)]
struct Generation {
    /// Empty until there is an id.
    words: Vec<u64>,
    ids: usize,
    latest: Option<Timestamp>,
}

impl Seen {
    /// Nothing is remembered yet, and no id that is in the store was made after `horizon`.
    pub fn beyond(horizon: Option<Timestamp>) -> Self {
        Self { younger: Generation::default(), older: Generation::default(), horizon }
    }

    /// Whether the store has to be asked for `id`.
    pub fn may_be_stored(&self, id: CommandId) -> bool {
        // An id of another version says nothing of its age.
        let Some(made) = made_at(id) else { return true };
        Some(made) <= self.horizon || self.younger.may_have(id) || self.older.may_have(id)
    }

    /// `id` is in the store from now on.
    pub fn stored(&mut self, id: CommandId) {
        let Some(made) = made_at(id) else { return };
        if self.younger.ids >= GENERATION_IDS {
            let past = std::mem::replace(&mut self.older, std::mem::take(&mut self.younger));
            self.horizon = self.horizon.max(past.latest);
        }
        self.younger.add(id, made);
    }
}

impl Generation {
    fn add(&mut self, id: CommandId, made: Timestamp) {
        self.words.resize(GENERATION_BITS / 64, 0);
        self.ids += 1;
        self.latest = self.latest.max(Some(made));
        for (word, bit) in places(id) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    fn may_have(&self, id: CommandId) -> bool {
        places(id).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }
}

/// When the id says that it was made, held within what a [`Timestamp`] can say: so all moments beyond that are the same one, and none
/// of them is after the other.
pub fn made_at(id: CommandId) -> Option<Timestamp> {
    let made = i64::try_from(id.made_at_ms()?).unwrap_or(i64::MAX);
    Some(Timestamp::default().saturating_add_millis(made))
}

/// Where the bits of an id are: the words' indexes, and the bits in them.
fn places(id: CommandId) -> impl Iterator<Item = (usize, u64)> {
    // The lower half of a UUIDv7 is random; the multiplication spreads what a client did not draw at random.
    let (_, random) = id.as_uuid().as_u64_pair();
    let mixed = random.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ID_BITS.into_iter().map(move |shift| {
        #[expect(clippy::cast_possible_truncation, reason = "less than GENERATION_BITS")]
        let bit = (mixed >> shift) as usize % GENERATION_BITS;
        (bit / 64, 1 << (bit % 64))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixteen bytes that nobody could foresee, always the same for `seed`.
    fn drawn(seed: u64) -> [u8; 16] {
        *domain::CommandHash::of(&seed.to_be_bytes()).as_bytes()
    }

    fn id(ms: u64, seed: u64) -> CommandId {
        let random = *drawn(seed).first_chunk().unwrap();
        CommandId::from_uuid(uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid())
    }

    fn at(ms: i64) -> Option<Timestamp> {
        Some(Timestamp::from_millis(ms).unwrap())
    }

    #[test]
    fn what_was_stored_is_always_looked_up_and_what_is_new_hardly_ever() {
        let mut seen = Seen::beyond(at(1_000));
        // Clients' clocks differ by up to a minute; four generations of ids come and go.
        let skewed = |n: u64| id(1_001 + n + u64::from(u16::from_be_bytes(*drawn(n).last_chunk().unwrap())), n);
        let count = 4 * GENERATION_IDS as u64;
        for n in 0..count {
            seen.stored(skewed(n));
            assert!(seen.may_be_stored(skewed(n)) && seen.may_be_stored(skewed(n / 2)), "{n}");
        }
        assert!((0..count).all(|n| seen.may_be_stored(skewed(n))));
        let looked_up = (count..count + 10_000).filter(|n| seen.may_be_stored(id(1_000_000, *n))).count();
        assert!(looked_up < 200, "{looked_up} of 10,000 new ids are looked up");
    }

    #[test]
    fn what_may_have_been_stored_before_is_looked_up() {
        let seen = Seen::beyond(at(1_000));
        assert!(seen.may_be_stored(id(999, 1)) && seen.may_be_stored(id(1_000, 1)));
        assert!(!seen.may_be_stored(id(1_001, 1)));
        assert!(seen.may_be_stored(CommandId::derived("no", "age")), "it has no age");
        assert!(!Seen::beyond(None).may_be_stored(id(0, 1)), "the store is empty");
        // No timestamp is as late as the latest that a UUIDv7 can say.
        let last = Timestamp::default().saturating_add_millis(i64::MAX);
        assert!(Seen::beyond(Some(last)).may_be_stored(id((1 << 48) - 1, 1)));
    }
}
