//! Counts: exact, and each from an index that holds all it needs.

use domain::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::fault;
use super::find::rooms_json;
use crate::search::{Count, Fault, Measure, Ranked, Ranking, Rooms, Span};

/// In the rooms `$2`; all where it is null.
macro_rules! in_rooms {
    ($column:literal) => {
        concat!(
            " AND ($2 IS NULL OR ",
            $column,
            " IN (SELECT x.id FROM rooms x WHERE x.room_id IN (SELECT unhex(value) FROM json_each($2))))"
        )
    };
}

/// A count for each bucket of `$1`, given as pairs of beginning and end.
macro_rules! series {
    ($from:literal, $time:literal, $rooms:expr) => {
        concat!(
            "SELECT (SELECT count(*) FROM ",
            $from,
            " WHERE ",
            $time,
            " >= e.value->>0 AND ",
            $time,
            " < e.value->>1",
            $rooms,
            ") AS count FROM json_each($1) e ORDER BY e.key"
        )
    };
}

const MESSAGES: &str = series!("messages m", "m.sent_at", concat!(in_rooms!("m.room"), " AND $3 IS NULL"));
const WORD: &str = series!("words w", "w.sent_at", concat!(in_rooms!("w.room"), " AND w.word = $3"));
const PEOPLE: &str = series!("people p", "p.registered_at", " AND $2 IS NULL AND $3 IS NULL");

/// The rows of a ranking between `$1` and `$3`, at most `$4`.
macro_rules! top {
    ($key:literal, $from:literal, $time:literal, $room:literal) => {
        concat!(
            "SELECT ",
            $key,
            " AS key, count(*) AS count FROM ",
            $from,
            " WHERE ",
            $time,
            " >= $1 AND ",
            $time,
            " < $3",
            in_rooms!($room),
            " GROUP BY ",
            $key,
            " ORDER BY count DESC, key LIMIT $4"
        )
    };
}

const TOP_WORDS: &str = top!("w.word", "words w", "w.sent_at", "w.room");
const TOP_ROOMS: &str = top!("r.room_id", "messages m JOIN rooms r ON r.id = m.room", "m.sent_at", "m.room");
const TOP_PEOPLE: &str = top!("m.author", "messages m", "m.sent_at", "m.room");

pub(super) async fn series(pool: &SqlitePool, measure: &Measure, rooms: &Rooms, edges: &[Timestamp]) -> Result<Vec<u64>, Fault> {
    let buckets: Vec<(i64, i64)> =
        edges.iter().zip(edges.iter().skip(1)).map(|(from, until)| (from.as_millis(), until.as_millis())).collect();
    let buckets = serde_json::to_string(&buckets).map_err(|error| Fault::Unavailable(error.to_string()))?;
    let (statement, rooms, word) = match measure {
        Measure::Messages => (MESSAGES, rooms_json(rooms)?, None),
        Measure::Word(word) => (WORD, rooms_json(rooms)?, Some(word.clone())),
        Measure::Registrations => (PEOPLE, None, None),
    };
    let counts: Vec<i64> =
        sqlx::query_scalar(statement).bind(buckets).bind(rooms).bind(word).fetch_all(pool).await.map_err(fault)?;
    Ok(counts.into_iter().map(i64::cast_unsigned).collect())
}

pub(super) async fn top(pool: &SqlitePool, ranking: Ranking, rooms: &Rooms, span: Span, limit: u32) -> Result<Ranked, Fault> {
    let statement = match ranking {
        Ranking::Words => TOP_WORDS,
        Ranking::Rooms => TOP_ROOMS,
        Ranking::People => TOP_PEOPLE,
    };
    let rows = sqlx::query(statement)
        .bind(span.from.as_millis())
        .bind(rooms_json(rooms)?)
        .bind(span.until.as_millis())
        .bind(limit)
        .fetch_all(pool)
        .await
        .map_err(fault)?;
    let read = |row: &sqlx::sqlite::SqliteRow| {
        let key = match ranking {
            Ranking::Rooms => row.try_get::<Uuid, _>("key").map_err(fault)?.to_string(),
            Ranking::Words | Ranking::People => row.try_get("key").map_err(fault)?,
        };
        let count: i64 = row.try_get("count").map_err(fault)?;
        Ok(Count { key, count: count.cast_unsigned(), error_max: 0 })
    };
    Ok(Ranked { items: rows.iter().map(read).collect::<Result<_, Fault>>()?, error_max: 0 })
}
