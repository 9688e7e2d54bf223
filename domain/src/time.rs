//! Moments: RFC 3339, UTC, always with milliseconds.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
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

    /// The moment as it is written, which is done for every event: chrono's own way takes many times as long.
    fn written(self) -> [u8; 24] {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        let (days, rest) = (self.0.div_euclid(DAY_MS), self.0.rem_euclid(DAY_MS));
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (at, width, number) in [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, rest / 3_600_000),
            (14, 2, rest / 60_000 % 60),
            (17, 2, rest / 1000 % 60),
            (20, 3, rest % 1000),
        ] {
            let mut number = number;
            for digit in text.iter_mut().skip(at).take(width).rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
                number /= 10;
            }
        }
        text
    }

    /// Reads exactly what [`Self::written`] writes. Nothing for other forms of RFC 3339 and for what is none.
    fn read(raw: &[u8]) -> Option<Self> {
        let raw: &[u8; 24] = raw.try_into().ok()?;
        let signs = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
        if signs.iter().any(|(at, sign)| raw.get(*at) != Some(sign)) {
            return None;
        }
        let number = |at: usize, width: usize| {
            raw.iter()
                .skip(at)
                .take(width)
                .try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
        };
        let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
        let (hour, minute, second, ms) = (number(11, 2)?, number(14, 2)?, number(17, 2)?, number(20, 3)?);
        let days = days_of(year, month, day);
        // What the calendar does not have (30 February, month 13) comes out as another day.
        if civil(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Self::from_millis((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + ms).ok()
    }

    /// The same moment for chrono's arithmetic.
    #[must_use]
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }
}

/// Year, month and day of the `days`-th day after 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

/// How many days after 1970-01-01 a day is: [`civil`] the other way round.
const fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
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
        if let Some(time) = Self::read(raw.as_bytes()) {
            return Ok(time);
        }
        let time = DateTime::parse_from_rfc3339(raw).map_err(|_| TimestampError)?;
        Self::from_millis(time.timestamp_millis())
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It is ASCII.
        f.write_str(std::str::from_utf8(&self.written()).unwrap_or_default())
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
    fn the_short_ways_agree_with_chrono() {
        // A stride that meets every month, leap day and time of day of 8,000 years, and both ends.
        let step = 7 * 86_400_000 + 12_345_677;
        for ms in (0..=LAST_MS).step_by(usize::try_from(step).unwrap()).chain([LAST_MS, 951_782_400_000, 4_107_542_399_999]) {
            let time = Timestamp::from_millis(ms).unwrap();
            let text = time.to_chrono().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            assert_eq!(time.to_string(), text);
            assert_eq!(Timestamp::read(text.as_bytes()), Some(time), "{text}");
        }
        for none in
            ["2023-02-29T00:00:00.000Z", "2024-13-01T00:00:00.000Z", "2024-01-01T24:00:00.000Z", "2024-01-01 00:00:00.000Z"]
        {
            assert_eq!(Timestamp::read(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn it_is_written_with_three_decimals_and_read_back() {
        let time = Timestamp::from_millis(1_100_521_080_000).unwrap();
        assert_eq!(time.to_string(), "2004-11-15T12:18:00.000Z");
        assert_eq!("2004-11-15T13:18:00+01:00".parse(), Ok(time));
        assert_eq!("2004-11-15".parse::<Timestamp>(), Err(TimestampError));
        assert_eq!("1969-12-31T23:59:59Z".parse::<Timestamp>(), Err(TimestampError));
    }
}
