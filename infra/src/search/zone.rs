//! By which clock buckets begin.

use std::str::FromStr as _;

use chrono::{
    DateTime, Datelike as _, Days, FixedOffset, LocalResult, Months, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use domain::Timestamp;

use super::Interval;

/// The farthest a clock is from UTC, in seconds.
const OFFSET_MAX: i32 = 18 * 60 * 60;
/// How finely the end of a gap is looked for, where clocks are put forward.
const GAP_STEP: TimeDelta = TimeDelta::minutes(15);
/// The longest gap: Samoa left out a whole day.
const GAP_STEPS_MAX: usize = 25 * 4;

/// A clock on a wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// So far from UTC, always.
    Offset(FixedOffset),
    /// That of a place, with its summer times.
    Named(Tz),
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self::Named(Tz::UTC);

    /// Reads a distance from UTC such as `+09:00` or `Z`, or a name of the IANA time zone database such as `Asia/Seoul`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let distance = || {
            let offset = *DateTime::parse_from_rfc3339(&format!("2000-01-01T00:00:00{text}")).ok()?.offset();
            (offset.local_minus_utc().abs() <= OFFSET_MAX).then_some(Self::Offset(offset))
        };
        distance().or_else(|| Tz::from_str(text).ok().map(Self::Named))
    }

    /// What the clock shows.
    fn shown(self, at: DateTime<Utc>) -> NaiveDateTime {
        match self {
            Self::Offset(offset) => at.with_timezone(&offset).naive_local(),
            Self::Named(zone) => at.with_timezone(&zone).naive_local(),
        }
    }

    /// When the clock first shows `shown`, or what follows it where that is left out.
    fn when(self, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
        match self {
            Self::Offset(offset) => first(&offset, shown),
            Self::Named(zone) => first(&zone, shown),
        }
    }

    /// When the whole bucket begins that `at` lies in.
    pub(super) fn begin(self, at: Timestamp, interval: Interval) -> Timestamp {
        let utc = at.to_chrono();
        let shown = self.shown(utc);
        let begin = match interval.width() {
            Some(width) => Some(utc - past(shown, width)),
            None => self.when(floor(shown, interval)),
        };
        begin.and_then(|begin| Timestamp::from_millis(begin.timestamp_millis()).ok()).filter(|begin| *begin <= at).unwrap_or(at)
    }

    /// When the bucket ends that begins at `begin`; nothing at the end of time.
    pub(super) fn end(self, begin: Timestamp, interval: Interval) -> Option<Timestamp> {
        let utc = begin.to_chrono();
        let end = match interval.width() {
            Some(width) => {
                let end = utc.checked_add_signed(width)?;
                // Where clocks are put by half an hour, the next full hour is farther away.
                let past = past(self.shown(end), width);
                if past.is_zero() { end } else { end.checked_add_signed(width - past)? }
            }
            None => self.when(next(floor(self.shown(utc), interval), interval)?)?,
        };
        Timestamp::from_millis(end.timestamp_millis()).ok().filter(|end| *end > begin)
    }
}

impl Interval {
    /// How long it is, where all are equally long.
    const fn width(self) -> Option<TimeDelta> {
        match self {
            Self::Minute => Some(TimeDelta::minutes(1)),
            Self::Hour => Some(TimeDelta::hours(1)),
            Self::Day | Self::Week | Self::Month => None,
        }
    }
}

fn first(zone: &impl TimeZone, shown: NaiveDateTime) -> Option<DateTime<Utc>> {
    let mut shown = shown;
    for _ in 0..GAP_STEPS_MAX {
        match zone.from_local_datetime(&shown) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => return Some(at.with_timezone(&Utc)),
            LocalResult::None => shown = shown.checked_add_signed(GAP_STEP)?,
        }
    }
    None
}

/// How long the clock has shown the minute or hour that it shows.
fn past(shown: NaiveDateTime, width: TimeDelta) -> TimeDelta {
    let since_midnight = shown.time() - NaiveTime::MIN;
    TimeDelta::milliseconds(since_midnight.num_milliseconds() % width.num_milliseconds().max(1))
}

/// The beginning of the day, week or month.
fn floor(shown: NaiveDateTime, interval: Interval) -> NaiveDateTime {
    let date = shown.date();
    let day = match interval {
        Interval::Week => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into())),
        Interval::Month => date.with_day(1),
        Interval::Minute | Interval::Hour | Interval::Day => Some(date),
    };
    day.unwrap_or(date).and_time(NaiveTime::MIN)
}

/// The beginning of the day, week or month behind the one that begins at `shown`.
fn next(shown: NaiveDateTime, interval: Interval) -> Option<NaiveDateTime> {
    match interval {
        Interval::Minute | Interval::Hour | Interval::Day => shown.checked_add_days(Days::new(1)),
        Interval::Week => shown.checked_add_days(Days::new(7)),
        Interval::Month => shown.checked_add_months(Months::new(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_by_distance_and_by_name() {
        let minutes = |text: &str| match Zone::parse(text) {
            Some(Zone::Offset(offset)) => Some(offset.local_minus_utc() / 60),
            _ => None,
        };
        assert_eq!(["Z", "+09:00", "-03:30", "+00:00"].map(minutes), [Some(0), Some(540), Some(-210), Some(0)]);
        assert_eq!(Zone::parse("Asia/Seoul"), Some(Zone::Named(Tz::Asia__Seoul)));
        assert_eq!(Zone::parse("UTC"), Some(Zone::UTC));
        for bad in ["", "9", "+9", "Asia/Atlantis", "asia/seoul; drop", "+19:00", "+09:00:00", "+09:61"] {
            assert_eq!(Zone::parse(bad), None, "{bad}");
        }
    }
}
