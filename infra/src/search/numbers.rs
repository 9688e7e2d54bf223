//! Numbers: how much was said when, which words, where and by whom.

use domain::Timestamp;

use super::zone::Zone;

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

/// Where the buckets of `span` begin, and where the last one ends, as the clock of `zone` shows it. The first and the last bucket are cut
/// where the span begins and ends.
///
/// # Errors
/// [`TooMany`].
pub fn edges(span: Span, interval: Interval, zone: Zone) -> Result<Vec<Timestamp>, TooMany> {
    if span.from >= span.until {
        return Err(TooMany);
    }
    let mut edges = vec![span.from];
    let mut begin = zone.begin(span.from, interval);
    while let Some(end) = zone.end(begin, interval).filter(|end| *end < span.until) {
        edges.push(end);
        if edges.len() > BUCKETS_MAX {
            return Err(TooMany);
        }
        begin = end;
    }
    edges.push(span.until);
    Ok(edges)
}

/// The beginning of the whole bucket that `at` lies in, for people: earlier than the first edge where that one is cut.
#[must_use]
pub fn bucket_of(at: Timestamp, interval: Interval, zone: Zone) -> Timestamp {
    zone.begin(at, interval)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_value(json!(text)).unwrap()
    }
    fn cut(from: &str, until: &str, interval: Interval, zone: &str) -> Vec<String> {
        let edges = edges(Span { from: at(from), until: at(until) }, interval, Zone::parse(zone).unwrap()).unwrap();
        edges.into_iter().map(|edge| json!(edge).as_str().unwrap().replace(":00.000Z", "Z")).collect()
    }

    #[test]
    fn buckets_follow_the_clock_of_the_time_zone() {
        let days = cut("2026-02-27T10:00:00.000Z", "2026-03-01T12:00:00.000Z", Interval::Day, "Z");
        assert_eq!(days, ["2026-02-27T10:00Z", "2026-02-28T00:00Z", "2026-03-01T00:00Z", "2026-03-01T12:00Z"]);
        for seoul in ["+09:00", "Asia/Seoul"] {
            let days = cut("2026-02-27T10:00:00.000Z", "2026-02-28T15:00:00.000Z", Interval::Day, seoul);
            assert_eq!(days, ["2026-02-27T10:00Z", "2026-02-27T15:00Z", "2026-02-28T15:00Z"], "{seoul}");
        }
        let months = cut("2024-01-31T00:00:00.000Z", "2024-03-01T00:00:00.000Z", Interval::Month, "Z");
        assert_eq!(months, ["2024-01-31T00:00Z", "2024-02-01T00:00Z", "2024-03-01T00:00Z"]);
        // 2026-11-25 is a Wednesday.
        let weeks = cut("2026-11-25T00:00:00.000Z", "2026-12-08T00:00:00.000Z", Interval::Week, "Z");
        assert_eq!(weeks, ["2026-11-25T00:00Z", "2026-11-30T00:00Z", "2026-12-07T00:00Z", "2026-12-08T00:00Z"]);
        let half_hours = cut("2026-11-25T00:00:00.000Z", "2026-11-25T01:00:00.000Z", Interval::Hour, "+05:30");
        assert_eq!(half_hours, ["2026-11-25T00:00Z", "2026-11-25T00:30Z", "2026-11-25T01:00Z"]);
        let seoul = Zone::parse("+09:00").unwrap();
        assert_eq!(bucket_of(at("2026-11-25T16:00:00.000Z"), Interval::Day, seoul), at("2026-11-25T15:00:00.000Z"));
    }

    #[test]
    fn days_are_as_long_as_clocks_make_them() {
        // 2026-03-08: New York leaves out an hour; 2026-11-01: it has one twice.
        let short = cut("2026-03-08T05:00:00.000Z", "2026-03-10T04:00:00.000Z", Interval::Day, "America/New_York");
        assert_eq!(short, ["2026-03-08T05:00Z", "2026-03-09T04:00Z", "2026-03-10T04:00Z"]);
        let hours = |from, until, zone| cut(from, until, Interval::Hour, zone).len() - 1;
        assert_eq!(hours("2026-03-08T05:00:00.000Z", "2026-03-09T04:00:00.000Z", "America/New_York"), 23);
        assert_eq!(hours("2026-11-01T04:00:00.000Z", "2026-11-02T05:00:00.000Z", "America/New_York"), 25);
        let inside = bucket_of(at("2026-11-01T06:30:00.000Z"), Interval::Hour, Zone::parse("America/New_York").unwrap());
        assert_eq!(inside, at("2026-11-01T06:00:00.000Z"), "the hour that comes twice is two hours");
        // 2018-11-04 begins at one o'clock in São Paulo, and 2011-12-30 never came in Samoa.
        let late = cut("2018-11-03T03:00:00.000Z", "2018-11-05T02:00:00.000Z", Interval::Day, "America/Sao_Paulo");
        assert_eq!(late, ["2018-11-03T03:00Z", "2018-11-04T03:00Z", "2018-11-05T02:00Z"]);
        let skipped = cut("2011-12-29T10:00:00.000Z", "2011-12-31T10:00:00.000Z", Interval::Day, "Pacific/Apia");
        assert_eq!(skipped, ["2011-12-29T10:00Z", "2011-12-30T10:00Z", "2011-12-31T10:00Z"]);
        // Lord Howe puts its clock forward by half an hour: 01:00, then 03:00, an hour and a half apart, and whole hours again.
        let howe = cut("2026-10-03T14:30:00.000Z", "2026-10-03T18:00:00.000Z", Interval::Hour, "Australia/Lord_Howe");
        assert_eq!(howe, ["2026-10-03T14:30Z", "2026-10-03T16:00Z", "2026-10-03T17:00Z", "2026-10-03T18:00Z"]);
    }

    #[test]
    fn ranges_are_bounded() {
        let span = |from: &str, until: &str| Span { from: at(from), until: at(until) };
        let day = span("2026-11-25T00:00:00.000Z", "2026-11-26T00:00:00.000Z");
        assert_eq!(edges(day, Interval::Minute, Zone::UTC), Err(TooMany));
        assert_eq!(edges(day, Interval::Hour, Zone::UTC).map(|edges| edges.len()), Ok(25));
        let nothing = span("2026-11-25T00:00:00.000Z", "2026-11-25T00:00:00.000Z");
        assert_eq!(edges(nothing, Interval::Hour, Zone::UTC), Err(TooMany));
        let ages = span("1970-01-01T00:00:00.000Z", "9999-12-31T00:00:00.000Z");
        assert_eq!(edges(ages, Interval::Month, Zone::parse("-12:00").unwrap()), Err(TooMany));
    }
}
