//! Identifiers. One that exists is valid: they are parsed at the edge and never re-checked inside.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::PrecisFastInvocation;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod pair;
mod place;

pub use pair::{Pair, PairError};
pub use place::{EventTopic, PartitionId, StreamId};

/// The most characters a user id may have.
pub const USER_ID_CHARACTERS_MAX: usize = 64;

/// Characters that a user id must not contain, because ids stand in paths, mentions and stream keys.
pub(crate) const USER_ID_FORBIDDEN: &[char] = &['@', '/', ':', '#', '?', '%'];

/// The name space of every UUIDv5 that Sarangbang derives.
const NAMESPACE: Uuid = Uuid::from_u128(0x5a2a_4b6e_0d61_4c8f_9b1e_7c0f_5a1a_9b00);

/// A person's permanent id and stream key: PRECIS `UsernameCaseMapped` (RFC 8265), 1–64 characters, without `@ / : # ? %`,
/// and not `me`, `.` or `..`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId(Arc<str>);

/// Why a string is no user id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserIdError {
    /// It is empty, or longer than [`USER_ID_CHARACTERS_MAX`].
    #[error("a user id has 1 to {USER_ID_CHARACTERS_MAX} characters")]
    Length,
    /// It contains a character that PRECIS or our own rule forbids.
    #[error("a user id has letters, digits and symbols (RFC 8265), no space and none of @ / : # ? %")]
    Character,
    /// It is one of the names that paths need: `me`, `.` or `..`.
    #[error("this user id is reserved")]
    Reserved,
}

impl UserId {
    /// Normalises and checks `raw`.
    ///
    /// # Errors
    /// [`UserIdError`] says which rule `raw` breaks.
    pub fn parse(raw: &str) -> Result<Self, UserIdError> {
        // What most ids are, and what every event that is read has some of: nothing to normalise, nothing to forbid.
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
        if (1..=USER_ID_CHARACTERS_MAX).contains(&raw.len()) && raw != "me" && raw.bytes().all(plain) {
            return Ok(Self(Arc::from(raw)));
        }
        // Bounded before PRECIS sees it: normalisation may expand, and hostile input is long.
        if raw.is_empty() || raw.chars().count() > USER_ID_CHARACTERS_MAX {
            return Err(UserIdError::Length);
        }
        let normal = if raw.chars().all(|c| c.is_ascii_graphic() || matches!(c, '가'..='힣')) {
            // All that PRECIS does to printable ASCII and Hangul syllables.
            Cow::Owned(raw.to_ascii_lowercase())
        } else {
            UsernameCaseMapped::enforce(raw).map_err(|_| UserIdError::Character)?
        };
        if normal.chars().count() > USER_ID_CHARACTERS_MAX {
            return Err(UserIdError::Length);
        }
        if normal.contains(USER_ID_FORBIDDEN) {
            return Err(UserIdError::Character);
        }
        if matches!(normal.as_ref(), "me" | "." | "..") {
            return Err(UserIdError::Reserved);
        }
        Ok(Self(Arc::from(normal.as_ref())))
    }

    /// The normalised id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserId {
    type Error = UserIdError;
    fn try_from(raw: String) -> Result<Self, UserIdError> {
        Self::parse(&raw)
    }
}
impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.0.as_ref().to_owned()
    }
}
impl FromStr for UserId {
    type Err = UserIdError;
    fn from_str(raw: &str) -> Result<Self, UserIdError> {
        Self::parse(raw)
    }
}
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A room's id and stream key. Always derived (UUIDv5), so that a repeated creation reaches the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomId(Uuid);

impl RoomId {
    /// The id of the room that `actor` creates with the command `command_id`.
    #[must_use]
    pub fn of_creation(actor: &UserId, command_id: CommandId) -> Self {
        Self::derive("created", &[actor.as_str(), &command_id.to_string()])
    }

    /// The id of the direct room of two people, whoever opens it.
    #[must_use]
    pub fn of_direct(one: &UserId, other: &UserId) -> Self {
        let (low, high) = if one <= other { (one, other) } else { (other, one) };
        Self::derive("direct", &[low.as_str(), high.as_str()])
    }

    /// The id of a room that is imported from `source` under `name`.
    #[must_use]
    pub fn of_import(source: &str, name: &str) -> Self {
        Self::derive("imported", &[source, name])
    }

    /// An id that arrived from outside; whether such a room exists is another question.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The bare UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }

    fn derive(kind: &str, parts: &[&str]) -> Self {
        // A NUL can stand in no part (PRECIS, UUIDs and room names exclude it), so the join is injective.
        let mut name = kind.to_owned();
        for part in parts {
            name.push('\0');
            name.push_str(part);
        }
        Self(Uuid::new_v5(&NAMESPACE, name.as_bytes()))
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for RoomId {
    type Err = uuid::Error;
    fn from_str(raw: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(raw).map(Self)
    }
}

/// The id of one command, scoped to its actor: the `Idempotency-Key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CommandId(Uuid);

impl CommandId {
    /// Wraps a UUID that a client or the server chose.
    #[must_use]
    pub const fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The id of step `name` of `cause` (a saga step, a line of an imported file): the same inputs, the same command.
    #[must_use]
    pub fn derived(cause: &str, name: &str) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("command\0{cause}\0{name}").as_bytes()))
    }

    /// Whether it has the form of [`Self::derived`] ids, UUIDv5. Whoever knows the inputs can compute such an id and use it before the
    /// command that it is meant for, so people may not choose one.
    #[must_use]
    pub fn is_derived(&self) -> bool {
        self.0.get_version_num() == 5
    }

    /// The bare UUID.
    #[must_use]
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// When a UUIDv7 was made, in milliseconds since the Unix epoch; nothing for other versions.
    #[must_use]
    pub fn made_at_ms(&self) -> Option<u64> {
        if self.0.get_version_num() != 7 {
            return None;
        }
        Some(u64::try_from(self.0.as_u128() >> 80).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl FromStr for CommandId {
    type Err = uuid::Error;
    fn from_str(raw: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(raw).map(Self)
    }
}

/// A digest of what a command asks for: the same id with another digest is refused, never executed. Written as 32 hexadecimal
/// digits in lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandHash([u8; 16]);

/// It is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 32 hexadecimal digits in lower case")]
pub struct CommandHashError;

impl CommandHash {
    /// The digest of a command's canonical bytes: the first half of their SHA-256.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(canonical);
        let mut half = [0; 16];
        for (to, from) in half.iter_mut().zip(digest) {
            *to = from;
        }
        Self(half)
    }

    /// The bytes, as the local store keeps them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The digest that [`Self::as_bytes`] gave.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for CommandHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        let mut text = [0; 32];
        for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [digit(byte >> 4), digit(byte & 0xf)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}
impl fmt::Debug for CommandHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for CommandHash {
    type Err = CommandHashError;
    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        let half = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(CommandHashError),
        };
        let (pairs, []) = raw.as_bytes().as_chunks::<2>() else { return Err(CommandHashError) };
        let pairs: &[[u8; 2]; 16] = pairs.try_into().map_err(|_| CommandHashError)?;
        let mut hash = [0; 16];
        for (byte, [high, low]) in hash.iter_mut().zip(pairs) {
            *byte = half(*high)? << 4 | half(*low)?;
        }
        Ok(Self(hash))
    }
}
impl TryFrom<String> for CommandHash {
    type Error = CommandHashError;
    fn try_from(raw: String) -> Result<Self, CommandHashError> {
        raw.parse()
    }
}
impl From<CommandHash> for String {
    fn from(hash: CommandHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_ids_are_normalised_and_reserved_names_refused() {
        assert_eq!(UserId::parse("Alice").unwrap().as_str(), "alice");
        assert_eq!(UserId::parse("길동").unwrap().as_str(), "길동");
        for (raw, why) in [
            ("", UserIdError::Length),
            (&"x".repeat(65), UserIdError::Length),
            ("a b", UserIdError::Character),
            ("a/b", UserIdError::Character),
            ("a\u{202e}b", UserIdError::Character),
            ("ME", UserIdError::Reserved),
            ("..", UserIdError::Reserved),
        ] {
            assert_eq!(UserId::parse(raw), Err(why), "{raw:?}");
        }
    }

    #[test]
    fn the_short_way_for_ascii_and_hangul_agrees_with_precis() {
        for first in ('\0'..='\u{7f}').chain('가'..='힣') {
            for second in [None, Some('a'), Some('.'), Some('가'), Some('힣'), Some('A')] {
                let raw: String = [Some(first), second].into_iter().flatten().collect();
                let Ok(id) = UserId::parse(&raw) else { continue };
                assert_eq!(id.as_str(), UsernameCaseMapped::enforce(&*raw).unwrap(), "{raw:?}");
            }
        }
    }

    #[test]
    fn direct_rooms_do_not_depend_on_who_opens_them() {
        let (a, b) = (UserId::parse("a").unwrap(), UserId::parse("b").unwrap());
        assert_eq!(RoomId::of_direct(&a, &b), RoomId::of_direct(&b, &a));
    }

    #[test]
    fn only_a_version_7_id_knows_its_age() {
        let v7 = Uuid::parse_str("01890a5d-ac96-774b-bcce-b302099a8057").unwrap();
        assert_eq!(CommandId::from_uuid(v7).made_at_ms(), Some(0x0189_0a5d_ac96));
        assert_eq!(CommandId::derived("saga", "1").made_at_ms(), None);
        assert!(CommandId::derived("saga", "1").is_derived() && !CommandId::from_uuid(v7).is_derived());
    }
}
