//! Moments: RFC 3339, UTC, always with milliseconds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A moment in milliseconds since the Unix epoch, between 1970 and the year 9999. Written as RFC 3339 in UTC with exactly three
/// decimals, everywhere: so texts compare as the moments do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// The last millisecond of the year 9999: a four-digit year is all that RFC 3339 can say.
const LAST_MS: i64 = 253_402_300_799_999;

/// It is no moment that Sarangbang can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time is RFC 3339, such as 2026-11-22T14:03:07.125Z, between 1970 and 9999")]
pub struct TimestampError;

impl Timestamp {
    /// `ms` milliseconds after 1970.
    ///
    /// # Errors
    /// [`TimestampError`] outside 1970–9999.
    pub const fn from_millis(ms: i64) -> Result<Self, TimestampError> {
        if ms < 0 || ms > LAST_MS { Err(TimestampError) } else { Ok(Self(ms)) }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The moment `ms` milliseconds later (or earlier), held within the range.
    #[must_use]
    pub const fn saturating_add_millis(self, ms: i64) -> Self {
        let sum = self.0.saturating_add(ms);
        if sum < 0 {
            Self(0)
        } else if sum > LAST_MS {
            Self(LAST_MS)
        } else {
            Self(sum)
        }
    }

    /// The same moment for chrono's arithmetic.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// Cuts to milliseconds; a clock outside 1970–9999 is held at the edge of the range.
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_millis().clamp(0, LAST_MS))
    }
}
impl FromStr for Timestamp {
    type Err = TimestampError;
    fn from_str(raw: &str) -> Result<Self, TimestampError> {
        let time = DateTime::parse_from_rfc3339(raw).map_err(|_| TimestampError)?;
        Self::from_millis(time.timestamp_millis())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        raw.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_with_three_decimals_and_read_back() {
        let time = Timestamp::from_millis(1_100_521_080_000).unwrap();
        assert_eq!(time.to_string(), "2004-11-15T12:18:00.000Z");
        assert_eq!("2004-11-15T13:18:00+01:00".parse(), Ok(time));
        assert_eq!("2004-11-15".parse::<Timestamp>(), Err(TimestampError));
        assert_eq!("1969-12-31T23:59:59Z".parse::<Timestamp>(), Err(TimestampError));
    }
}
