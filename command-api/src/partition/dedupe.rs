//! Which commands were executed, and with what outcome: rebuilt from the log, kept for a window (rule 7).
//!
//! Within the window a repeat gets the original outcome. A UUIDv7 older than the window is refused unexecuted; of other ids
//! nothing older is known.

use std::time::Duration;

use domain::envelope::{Metadata, Version};
use domain::room::Number;
use domain::{CommandHash, CommandId, Timestamp, UserId};
use infra::state_store::{Fault, PartitionStore, Row};
use serde::{Deserialize, Serialize};

use super::rows;

/// At most so many outcomes are forgotten at a time, so that no commit becomes long.
const FORGET_ROWS_MAX: usize = 8_192;

/// A command as its actor names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CommandKey {
    actor: UserId,
    id: CommandId,
}

/// What is remembered of an executed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl CommandKey {
    /// The command `id` of `actor`.
    pub fn new(actor: &UserId, id: CommandId) -> Self {
        Self { actor: actor.clone(), id }
    }

    fn bytes(&self) -> Vec<u8> {
        [self.actor.as_str().as_bytes(), &[0], self.id.as_uuid().as_bytes()].concat()
    }

    /// The rows that remember the command.
    pub fn rows(&self, executed: &Executed) -> [Row; 2] {
        let key = self.bytes();
        let at = executed.time.as_millis().to_be_bytes();
        [
            ([b"c".as_slice(), &key].concat(), Some(rows::encode(executed))),
            ([b"e".as_slice(), &at, &key].concat(), Some(Vec::new())),
        ]
    }

    /// What is remembered of the command.
    pub fn find(&self, store: &PartitionStore) -> Result<Option<Executed>, Fault> {
        rows::load(store, &[b"c".as_slice(), &self.bytes()].concat())
    }

    /// Whether the id itself says that it was made before the window: then nothing is known of it, and it must not be executed.
    pub fn older_than(&self, window: Duration, now: Timestamp) -> bool {
        let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
        let begin = now.saturating_add_millis(window_ms.saturating_neg()).as_millis();
        self.id.made_at_ms().is_some_and(|made| i64::try_from(made).unwrap_or(i64::MAX) < begin)
    }
}

/// Whether something decided at `time` is still remembered at `now`.
pub fn within(time: Timestamp, window: Duration, now: Timestamp) -> bool {
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    time >= now.saturating_add_millis(window_ms.saturating_neg())
}

/// The rows to remove because their window is over.
pub fn forgotten(store: &PartitionStore, window: Duration, now: Timestamp) -> Result<Vec<Row>, Fault> {
    let window_ms = i64::try_from(window.as_millis()).unwrap_or(i64::MAX);
    let begin = now.saturating_add_millis(window_ms.saturating_neg()).as_millis();
    let mut rows = Vec::new();
    for (key, _) in store.scan(b"e", FORGET_ROWS_MAX)? {
        let Some((at, command)) = key.get(1..).and_then(|rest| rest.split_first_chunk::<8>()) else { continue };
        if i64::from_be_bytes(*at) >= begin {
            break;
        }
        rows.push(([b"c".as_slice(), command].concat(), None));
        rows.push((key, None));
    }
    Ok(rows)
}
