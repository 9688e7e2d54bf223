//! Numbers: how much was said when, which words, where and by whom.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike as _, Days, Months, NaiveDateTime, TimeDelta, Timelike as _};
use domain::Timestamp;

/// The most buckets of a series.
pub const BUCKETS_MAX: usize = 1_000;
/// The most rows of a ranking.
pub const TOP_MAX: u32 = 200;

/// What a series counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measure {
    /// Messages by when they were sent; deleted ones too, for they were sent.
    Messages,
    /// Messages that hold this word, as [`super::words::counted`] has it.
    Word(String),
    /// People by when they registered. Rooms make no difference.
    Registrations,
}

/// What is ranked, each by its number of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ranking {
    /// Words; a message counts once for each word that it holds now.
    Words,
    /// Rooms, by messages sent.
    Rooms,
    /// People, by messages sent.
    People,
}

/// A stretch of time: from its beginning up to, and without, its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

/// One row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The word, the room's id, or the person's.
    pub key: String,
    /// Messages: at least as many.
    pub count: u64,
    /// By how much the true number may be higher; 0 where it is exact.
    pub error_max: u64,
}

/// A ranking: the highest first, of equals the first by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ranked {
    /// The rows.
    pub items: Vec<Count>,
    /// Something that is not listed may have as many at most because of the index's approximation; 0 where the ranking is exact.
    pub error_max: u64,
}

/// The width of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week from Monday on.
    Week,
    /// A calendar month.
    Month,
}

/// There are too many buckets in the range, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a series has 1 to {BUCKETS_MAX} buckets")]
pub struct TooMany;

/// Where the buckets of `span` begin, and where the last one ends, as a clock shows it that is `offset_minutes` ahead of UTC. The first
/// and the last bucket are cut where the span begins and ends.
///
/// # Errors
/// [`TooMany`].
pub fn edges(span: Span, interval: Interval, offset_minutes: i32) -> Result<Vec<Timestamp>, TooMany> {
    if span.from >= span.until {
        return Err(TooMany);
    }
    let offset = TimeDelta::minutes(offset_minutes.into());
    let local = |at: Timestamp| at.to_chrono().naive_utc() + offset;
    let utc = |at: NaiveDateTime| Timestamp::from_millis((at - offset).and_utc().timestamp_millis()).ok();
    let mut begin = floor(local(span.from), interval);
    let mut edges = BTreeSet::from([span.from]);
    while let Some(next) = next(begin, interval) {
        match utc(next).filter(|next| *next < span.until) {
            Some(next) => edges.insert(next),
            None => break,
        };
        if edges.len() > BUCKETS_MAX {
            return Err(TooMany);
        }
        begin = next;
    }
    edges.insert(span.until);
    Ok(edges.into_iter().collect())
}

fn floor(at: NaiveDateTime, interval: Interval) -> NaiveDateTime {
    let date = at.date();
    let day = match interval {
        Interval::Week => date.checked_sub_days(Days::new(date.weekday().num_days_from_monday().into())).unwrap_or(date),
        Interval::Month => date.with_day(1).unwrap_or(date),
        Interval::Minute | Interval::Hour | Interval::Day => date,
    };
    let (hour, minute) = match interval {
        Interval::Minute => (at.hour(), at.minute()),
        Interval::Hour => (at.hour(), 0),
        Interval::Day | Interval::Week | Interval::Month => (0, 0),
    };
    day.and_hms_opt(hour, minute, 0).unwrap_or(at)
}

fn next(at: NaiveDateTime, interval: Interval) -> Option<NaiveDateTime> {
    match interval {
        Interval::Minute => at.checked_add_signed(TimeDelta::minutes(1)),
        Interval::Hour => at.checked_add_signed(TimeDelta::hours(1)),
        Interval::Day => at.checked_add_days(Days::new(1)),
        Interval::Week => at.checked_add_days(Days::new(7)),
        Interval::Month => at.checked_add_months(Months::new(1)),
    }
}

/// The beginning of the whole bucket that `at` lies in, for people: earlier than the first edge where that one is cut.
#[must_use]
pub fn bucket_of(at: Timestamp, interval: Interval, offset_minutes: i32) -> Timestamp {
    let offset = TimeDelta::minutes(offset_minutes.into());
    let begin: DateTime<_> = (floor(at.to_chrono().naive_utc() + offset, interval) - offset).and_utc();
    Timestamp::from_millis(begin.timestamp_millis()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(json!(text)).unwrap()
    }
    fn cut(from: &str, until: &str, interval: Interval, offset_minutes: i32) -> Vec<String> {
        let edges = edges(Span { from: at(from), until: at(until) }, interval, offset_minutes).unwrap();
        edges.into_iter().map(|edge| json!(edge).as_str().unwrap().replace(":00.000Z", "Z")).collect()
    }

    #[test]
    fn buckets_follow_the_clock_of_the_time_zone() {
        let days = cut("2026-02-27T10:00:00.000Z", "2026-03-01T12:00:00.000Z", Interval::Day, 0);
        assert_eq!(days, ["2026-02-27T10:00Z", "2026-02-28T00:00Z", "2026-03-01T00:00Z", "2026-03-01T12:00Z"]);
        let in_seoul = cut("2026-02-27T10:00:00.000Z", "2026-02-28T15:00:00.000Z", Interval::Day, 9 * 60);
        assert_eq!(in_seoul, ["2026-02-27T10:00Z", "2026-02-27T15:00Z", "2026-02-28T15:00Z"]);
        let months = cut("2024-01-31T00:00:00.000Z", "2024-03-01T00:00:00.000Z", Interval::Month, 0);
        assert_eq!(months, ["2024-01-31T00:00Z", "2024-02-01T00:00Z", "2024-03-01T00:00Z"]);
        // 2026-11-25 is a Wednesday.
        let weeks = cut("2026-11-25T00:00:00.000Z", "2026-12-08T00:00:00.000Z", Interval::Week, 0);
        assert_eq!(weeks, ["2026-11-25T00:00Z", "2026-11-30T00:00Z", "2026-12-07T00:00Z", "2026-12-08T00:00Z"]);
        let half_hours = cut("2026-11-25T00:00:00.000Z", "2026-11-25T01:00:00.000Z", Interval::Hour, 5 * 60 + 30);
        assert_eq!(half_hours, ["2026-11-25T00:00Z", "2026-11-25T00:30Z", "2026-11-25T01:00Z"]);
        assert_eq!(bucket_of(at("2026-11-25T16:00:00.000Z"), Interval::Day, 9 * 60), at("2026-11-25T15:00:00.000Z"));
    }

    #[test]
    fn ranges_are_bounded() {
        let span = |from: &str, until: &str| Span { from: at(from), until: at(until) };
        let day = span("2026-11-25T00:00:00.000Z", "2026-11-26T00:00:00.000Z");
        assert_eq!(edges(day, Interval::Minute, 0), Err(TooMany));
        assert_eq!(edges(day, Interval::Hour, 0).map(|edges| edges.len()), Ok(25));
        let nothing = span("2026-11-25T00:00:00.000Z", "2026-11-25T00:00:00.000Z");
        assert_eq!(edges(nothing, Interval::Hour, 0), Err(TooMany));
        let ages = span("1970-01-01T00:00:00.000Z", "9999-12-31T00:00:00.000Z");
        assert_eq!(edges(ages, Interval::Month, -12 * 60), Err(TooMany));
    }
}
