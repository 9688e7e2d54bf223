//! Finds messages.

use domain::{RoomId, Timestamp, UserId};
use sqlx::Row as _;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use uuid::Uuid;

use super::fault;
use super::write::hex;
use crate::read_model::Page;
use crate::search::Fault;
use crate::search::query::{Clause, Hit, Key, Order, Query, Rooms, marks};

/// Every message that fits `$1`, with its score (BM25): a gram counts less than a term.
macro_rules! found {
    () => {
        "WITH found AS MATERIALIZED (SELECT rowid AS id, -bm25(texts, 1.0, 0.3) AS score FROM texts WHERE texts MATCH $1) \
         SELECT r.room_id, m.number, m.author, m.sent_at, m.text, m.edited_at, "
    };
}

/// `$2` rooms, `$3` sender, `$4` and `$5` times.
macro_rules! filters {
    () => {
        " WHERE m.text IS NOT NULL \
         AND ($2 IS NULL OR m.room IN (SELECT x.id FROM rooms x WHERE x.room_id IN (SELECT unhex(value) FROM json_each($2)))) \
         AND ($3 IS NULL OR m.author = $3) AND m.sent_at >= $4 AND m.sent_at < $5 "
    };
}

/// Behind the key `$6` to `$9`.
macro_rules! by_time {
    () => {
        "AND $6 IS NOT NULL AND (m.sent_at, r.room_id, m.number) < ($7, $8, $9) \
         ORDER BY m.sent_at DESC, r.room_id DESC, m.number DESC LIMIT $10"
    };
}

const FITTING: &str = concat!(
    found!(),
    "f.score AS score FROM found f JOIN messages m ON m.id = f.id JOIN rooms r ON r.id = m.room",
    filters!(),
    "AND (f.score, m.sent_at, r.room_id, m.number) < ($6, $7, $8, $9) \
     ORDER BY f.score DESC, m.sent_at DESC, r.room_id DESC, m.number DESC LIMIT $10"
);
const LATEST_FITTING: &str = concat!(
    found!(),
    "0.0 AS score FROM found f JOIN messages m ON m.id = f.id JOIN rooms r ON r.id = m.room",
    filters!(),
    by_time!()
);
const LATEST: &str = concat!(
    "SELECT r.room_id, m.number, m.author, m.sent_at, m.text, m.edited_at, 0.0 AS score \
     FROM messages m JOIN rooms r ON r.id = m.room",
    filters!(),
    "AND $1 IS NULL ",
    by_time!()
);

pub(super) async fn messages(pool: &SqlitePool, query: &Query) -> Result<Page<Hit>, Fault> {
    let statement = match (query.clauses.is_empty(), query.order) {
        (true, _) => LATEST,
        (false, Order::Time) => LATEST_FITTING,
        (false, Order::Relevance) => FITTING,
    };
    let rooms = rooms_json(&query.rooms)?;
    let key = query.after.map(|key| (key.score, key.sent_at.as_millis(), key.room.as_uuid(), key.number));
    let (score, sent_at, room, number) = key.unwrap_or((f64::INFINITY, i64::MAX, Uuid::max(), u64::MAX));
    let limit = query.limit as usize;
    let rows = sqlx::query(statement)
        .bind((!query.clauses.is_empty()).then(|| expression(&query.clauses, query.needed())))
        .bind(rooms)
        .bind(query.sender.as_ref().map(|user| user.as_str().to_owned()))
        .bind(query.from.map_or(i64::MIN, Timestamp::as_millis))
        .bind(query.until.map_or(i64::MAX, Timestamp::as_millis))
        .bind(score)
        .bind(sent_at)
        .bind(room)
        .bind(i64::try_from(number).unwrap_or(i64::MAX))
        .bind(i64::from(query.limit) + 1)
        .fetch_all(pool)
        .await
        .map_err(fault)?;
    let items = rows.iter().take(limit).map(|row| hit(row, &query.clauses)).collect::<Result<_, _>>()?;
    Ok(Page { items, more: rows.len() > limit })
}

/// The rooms as a JSON array; nothing for all.
pub(super) fn rooms_json(rooms: &Rooms) -> Result<Option<String>, Fault> {
    let Rooms::Of(rooms) = rooms else { return Ok(None) };
    let rooms: Vec<String> = rooms.iter().copied().map(hex).collect();
    serde_json::to_string(&rooms).map(Some).map_err(|error| Fault::Unavailable(error.to_string()))
}

/// The clauses as FTS5 reads them: every choice of `needed` of them. Every term stands in quotation marks, so that none is an operator.
fn expression(clauses: &[Clause], needed: usize) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let one = |clause: &Clause| match clause {
        Clause::Word { term, grams, .. } if grams.is_empty() => format!("terms : {}", quoted(term)),
        Clause::Word { term, grams, .. } => format!("(terms : {} OR grams : {})", quoted(term), quoted(grams)),
        Clause::Phrase { terms, .. } => format!("terms : {}", quoted(&terms.join(" "))),
    };
    let clauses: Vec<String> = clauses.iter().map(one).collect();
    let choices: Vec<String> =
        choices(&clauses, needed).into_iter().map(|choice| format!("({})", choice.join(" AND "))).collect();
    choices.join(" OR ")
}

/// All ways to choose `count` of `from`, in order: 70 at most, for there are no more than [`crate::search::CLAUSES_MAX`] to choose from.
fn choices(from: &[String], count: usize) -> Vec<Vec<&str>> {
    match (count, from) {
        (0, _) => vec![Vec::new()],
        (_, []) => Vec::new(),
        (_, [first, rest @ ..]) => {
            let with = choices(rest, count - 1).into_iter().map(|mut choice| {
                choice.insert(0, first.as_str());
                choice
            });
            with.chain(choices(rest, count)).collect()
        }
    }
}

fn hit(row: &SqliteRow, clauses: &[Clause]) -> Result<Hit, Fault> {
    let foreign = |what: &str| Fault::Unavailable(format!("the column {what} holds what this version never writes"));
    let time = |ms: i64| Timestamp::from_millis(ms).map_err(|_| foreign("sent_at"));
    let text: String = row.try_get("text").map_err(fault)?;
    let author: String = row.try_get("author").map_err(fault)?;
    let edited_at: Option<i64> = row.try_get("edited_at").map_err(fault)?;
    let key = Key {
        score: row.try_get("score").map_err(fault)?,
        sent_at: time(row.try_get("sent_at").map_err(fault)?)?,
        room: RoomId::from_uuid(row.try_get("room_id").map_err(fault)?),
        number: row.try_get::<i64, _>("number").map_err(fault)?.cast_unsigned(),
    };
    let marks = marks(&text, clauses);
    let author = UserId::parse(&author).map_err(|_| foreign("author"))?;
    Ok(Hit { key, author, text, edited_at: edited_at.map(time).transpose()?, marks })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::clauses;

    #[test]
    fn nothing_in_a_query_is_an_operator() {
        let said = |text: &str, needed| expression(&clauses(text).unwrap(), needed);
        assert_eq!(said("NEAR OR 학교에서", 2), "(terms : \"near\" AND (terms : \"학교\" OR grams : \"학교\"))");
        assert_eq!(said("\"red dogs\"", 1), "(terms : \"red dog\")");
        assert_eq!(said("초등학교", 1), "((terms : \"초등학교\" OR grams : \"초등 등학 학교\"))");
        let two_of_three = said("x1 x2 x3", 2);
        assert_eq!(two_of_three.matches(" OR ").count(), 2, "{two_of_three}");
        assert!(two_of_three.ends_with("(terms : \"x2\" AND terms : \"x3\")"), "{two_of_three}");
    }

    #[test]
    fn even_the_longest_query_has_few_choices() {
        let words: Vec<String> = (0..crate::search::CLAUSES_MAX).map(|at| at.to_string()).collect();
        assert_eq!(choices(&words, words.len().div_ceil(2)).len(), 70);
        assert_eq!(choices(&words, words.len()).len(), 1);
    }
}
