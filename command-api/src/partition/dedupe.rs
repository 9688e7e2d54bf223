//! Which commands were executed, and with what outcome: rebuilt from the log, kept for a window (rule 7).
//!
//! Within the window a repeat gets the original outcome. A UUIDv7 older than the window is refused unexecuted; of other ids
//! nothing older is known. The age of a UUIDv7 is its client's word and the age of an outcome the owner's, and no two clocks agree:
//! so an outcome is remembered until both are older than the window, and there is no moment between "repeated" and "too old".

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::envelope::{Metadata, Version};
use domain::room::Number;
use domain::{CommandHash, CommandId, Timestamp, UserId};
use infra::state_store::{Fault, PartitionStore, Row};

use super::seen::{Seen, made_at};

/// At most so many rows of forgotten outcomes are looked at a time; each has those of one commit.
const FORGET_COMMITS_MAX: usize = 16;
/// About so many outcomes are forgotten at a time, so that no commit becomes long.
const FORGET_OUTCOMES_MAX: usize = 16_384;
/// Outcomes of one commit whose windows end within so long are forgotten together. One client whose clock is years ahead must not
/// keep everybody else's.
const FORGET_TOGETHER_MS: i64 = 60_000;

/// A command as its actor names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandKey {
    actor: UserId,
    id: CommandId,
}

/// What is remembered of an executed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executed {
    hash: u128,
    /// The event's sequence.
    pub sequence: u64,
    /// The stream version that it made.
    pub version: Version,
    /// The message it was about.
    pub number: Option<Number>,
    /// When it was decided.
    pub time: Timestamp,
}

impl Executed {
    /// What to remember of the event with this metadata.
    pub fn of(metadata: &Metadata, number: Option<Number>) -> Self {
        Self {
            hash: u128::from_be_bytes(*metadata.command_hash.as_bytes()),
            sequence: metadata.sequence,
            version: metadata.stream_version,
            number,
            time: metadata.time,
        }
    }

    /// What to say of a command that had nothing to change: the state is visible up to `sequence`.
    pub const fn nothing(sequence: u64, version: Version, time: Timestamp) -> Self {
        Self { hash: 0, sequence, version, number: None, time }
    }

    /// Whether `hash` is what was asked for then.
    pub fn same_request(&self, hash: CommandHash) -> bool {
        self.hash == u128::from_be_bytes(*hash.as_bytes())
    }

    fn encode(&self) -> Vec<u8> {
        // Messages are numbered from 1.
        let number = self.number.unwrap_or_default();
        let time = self.time.as_millis().to_be_bytes();
        let parts = [self.sequence, self.version, number].map(u64::to_be_bytes);
        [self.hash.to_be_bytes().as_slice(), parts.as_flattened(), &time].concat()
    }

    fn decode(value: &[u8]) -> Option<Self> {
        let (hash, rest) = value.split_first_chunk::<16>()?;
        let ([sequence, version, number, time], []) = rest.as_chunks::<8>() else { return None };
        let number = u64::from_be_bytes(*number);
        Some(Self {
            hash: u128::from_be_bytes(*hash),
            sequence: u64::from_be_bytes(*sequence),
            version: u64::from_be_bytes(*version),
            number: (number > 0).then_some(number),
            time: Timestamp::from_millis(i64::from_be_bytes(*time)).ok()?,
        })
    }
}

impl CommandKey {
    /// The command `id` of `actor`.
    pub fn new(actor: &UserId, id: CommandId) -> Self {
        Self { actor: actor.clone(), id }
    }

    /// The key of the row that remembers the command. The id comes first: those of one time are neighbours, which the store takes in
    /// far faster than keys from everywhere.
    fn row_key(&self) -> Vec<u8> {
        [b"c", self.id.as_uuid().as_bytes().as_slice(), self.actor.as_str().as_bytes()].concat()
    }

    /// From when on the window runs within which an outcome decided at `time` is remembered: the later one of that and of when the id
    /// says it was made, by which [`Self::older_than`] will judge it.
    pub fn remembered_from(&self, time: Timestamp) -> Timestamp {
        made_at(self.id).map_or(time, |made| time.max(made))
    }

    /// Whether the id itself says that it was made before the window: then nothing is known of it, and it must not be executed.
    pub fn older_than(&self, window: Duration, now: Timestamp) -> bool {
        self.id.made_at_ms().is_some_and(|made| i64::try_from(made).unwrap_or(i64::MAX) < begin(window, now).as_millis())
    }
}

/// When the window that ends at `now` began.
fn begin(window: Duration, now: Timestamp) -> Timestamp {
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    now.saturating_add_millis(window_ms.saturating_neg())
}

/// Whether something whose window runs from `time` on ([`CommandKey::remembered_from`]) is still remembered at `now`.
pub fn within(time: Timestamp, window: Duration, now: Timestamp) -> bool {
    time >= begin(window, now)
}

/// The effective commands of a partition: those of the last moments here, all others in the local store.
pub struct Table {
    store: PartitionStore,
    /// Not in the store yet.
    recent: HashMap<CommandKey, Executed>,
    /// What the store may hold.
    seen: Seen,
}

impl Table {
    /// The table over `store`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn new(store: PartitionStore) -> Result<Self, Fault> {
        // No outcome in the store has an id that was made later than its group may be forgotten ([`CommandKey::remembered_from`]).
        let horizon = match store.last_key(b"e")? {
            Some(key) => Some(expiry(&key).ok_or(Fault::Damaged { key })?),
            None => None,
        };
        Ok(Self { store, recent: HashMap::new(), seen: Seen::beyond(horizon) })
    }

    /// What is remembered of the command.
    pub fn find(&self, key: &CommandKey) -> Result<Option<Executed>, Fault> {
        if let Some(executed) = self.recent.get(key) {
            return Ok(Some(*executed));
        }
        if !self.seen.may_be_stored(key.id) {
            return Ok(None);
        }
        let row_key = key.row_key();
        let Some(value) = self.store.get(&row_key)? else { return Ok(None) };
        Executed::decode(&value).map(Some).ok_or(Fault::Damaged { key: row_key })
    }

    /// Remembers a command whose event is effective.
    pub fn remember(&mut self, key: CommandKey, executed: Executed) {
        self.recent.insert(key, executed);
    }

    /// How many are to be stored.
    pub fn unstored(&self) -> usize {
        self.recent.len()
    }

    /// The rows that the store does not have yet: one for each command, and those that say when which of these may be forgotten.
    pub fn take_rows(&mut self, sequence: u64) -> Vec<Row> {
        let mut rows = Vec::with_capacity(self.recent.len() + 1);
        let mut expiries: BTreeMap<i64, (Timestamp, Vec<u8>)> = BTreeMap::new();
        for (key, executed) in self.recent.drain() {
            self.seen.stored(key.id);
            let row_key = key.row_key();
            let from = key.remembered_from(executed.time);
            let (latest, keys) = expiries.entry(from.as_millis() / FORGET_TOGETHER_MS).or_default();
            *latest = from.max(*latest);
            // The longest key has far fewer bytes than two can count: a user id has 64 characters at most.
            keys.extend(u16::try_from(row_key.len()).unwrap_or_default().to_be_bytes());
            keys.extend(&row_key);
            rows.push((row_key, Some(executed.encode())));
        }
        rows.extend(expiries.into_values().map(|(latest, keys)| {
            let expiry = [b"e".as_slice(), &latest.as_millis().to_be_bytes(), &sequence.to_be_bytes()].concat();
            (expiry, Some(keys))
        }));
        rows
    }

    /// The rows to remove because their window is over.
    pub fn forgotten(&self, window: Duration, now: Timestamp) -> Result<Vec<Row>, Fault> {
        let begin = begin(window, now).as_millis();
        let mut rows = Vec::new();
        for (key, commands) in self.store.scan(b"e", FORGET_COMMITS_MAX)? {
            if rows.len() >= FORGET_OUTCOMES_MAX || expiry(&key).is_none_or(|at| at.as_millis() >= begin) {
                break;
            }
            let mut rest = commands.as_slice();
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                let Some((command, after)) = after.split_at_checked(usize::from(u16::from_be_bytes(*length))) else { break };
                rows.push((command.to_vec(), None));
                rest = after;
            }
            rows.push((key, None));
        }
        Ok(rows)
    }
}

/// The moment in the key of a row that says what may be forgotten.
fn expiry(key: &[u8]) -> Option<Timestamp> {
    let at = key.get(1..)?.first_chunk::<8>()?;
    Timestamp::from_millis(i64::from_be_bytes(*at)).ok()
}

#[cfg(test)]
mod tests {
    use domain::Cursor;
    use domain::ids::{EventTopic, PartitionId};
    use infra::state_store::{Position, StateStore};

    use super::*;

    fn at(ms: i64) -> Executed {
        let time = Timestamp::from_millis(ms).unwrap();
        Executed { hash: 7, sequence: 9, version: 3, number: (ms > 1_500).then_some(2), time }
    }

    #[test]
    fn an_outcome_is_remembered_until_its_id_is_too_old_however_far_ahead_the_clients_clock_was() {
        let folder = tempfile::tempdir().unwrap();
        let partition = PartitionId { topic: EventTopic::Rooms, number: 0 };
        let store = StateStore::open(folder.path(), "log", 1 << 20).unwrap().partition(partition).unwrap();
        let (minute, window) = (60_000, Duration::from_mins(60));
        let made_at = |ms: u64| {
            let id = uuid::Builder::from_unix_timestamp_millis(ms, &[7; 10]).into_uuid();
            CommandKey::new(&UserId::parse("ann").unwrap(), CommandId::from_uuid(id))
        };
        // All are executed in the tenth minute; the second one's client is half an hour ahead, the third one's in the year 10889.
        let keys = [9 * minute, 40 * minute, (1 << 48) - 1].map(made_at);
        let executed = at(10 * 60_000);
        let mut table = Table::new(store.clone()).unwrap();
        keys.iter().for_each(|key| table.remember(key.clone(), executed));
        store.commit(table.take_rows(3), Position::default()).unwrap();
        let mut known = [true; 3];
        for now in (10..=200).map(|minutes| Timestamp::from_millis(minutes * 60_000).unwrap()) {
            store.commit(table.forgotten(window, now).unwrap(), Position::default()).unwrap();
            known = keys.each_ref().map(|key| table.find(key).unwrap().is_some());
            let anew = Table::new(store.clone()).unwrap();
            assert_eq!(keys.each_ref().map(|key| anew.find(key).unwrap().is_some()), known, "the next owner knows the same");
            for (key, known) in keys.iter().zip(known) {
                assert!(known || key.older_than(window, now), "at {now} {key:?} is forgotten and would be executed again");
                assert_eq!(
                    within(key.remembered_from(executed.time), window, now),
                    known,
                    "a replay knows the same as the store"
                );
            }
        }
        assert_eq!(known, [false, false, true], "and nobody keeps the others' outcomes");
    }

    #[test]
    fn outcomes_are_found_before_and_after_they_are_stored_and_forgotten_when_their_window_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let partition = PartitionId { topic: EventTopic::Rooms, number: 0 };
        let store = StateStore::open(folder.path(), "log", 1 << 20).unwrap().partition(partition).unwrap();
        let key = |id| CommandKey::new(&UserId::parse("ann").unwrap(), CommandId::derived("test", id));
        let mut table = Table::new(store.clone()).unwrap();
        for (sequence, (id, ms)) in [("old", 1_000), ("new", 2_000)].into_iter().enumerate() {
            table.remember(key(id), at(ms));
            assert_eq!((table.find(&key(id)).unwrap(), table.unstored()), (Some(at(ms)), 1));
            let rows = table.take_rows(sequence as u64);
            store.commit(rows, Position { next_offset: 1, cursor: Cursor::default() }).unwrap();
            assert_eq!((table.find(&key(id)).unwrap(), table.unstored()), (Some(at(ms)), 0));
        }
        let now = Timestamp::from_millis(2_500).unwrap();
        let forgotten = table.forgotten(Duration::from_millis(1_000), now).unwrap();
        store.commit(forgotten, Position::default()).unwrap();
        assert_eq!(table.find(&key("old")).unwrap(), None);
        assert_eq!(table.find(&key("new")).unwrap(), Some(at(2_000)));
        assert_eq!(table.forgotten(Duration::from_millis(1_000), now).unwrap(), []);
    }
}
