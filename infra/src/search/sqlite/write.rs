//! Writes documents: a statement for each table, its rows as one JSON text, as the timeline's writer does it.
//!
//! A message whose version is not above the one that is there changes nothing. What it says anew replaces what it said: its words are
//! taken back by the list that it keeps, and its terms are replaced by its row number.

use std::collections::BTreeSet;

use domain::{RoomId, Timestamp};
use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use super::fault;
use crate::search::{Document, Fault, Message, Refused, words};

/// A message as a row: room, number, author, sent at, text, edited at, words, version, terms, grams.
type Row<'a> = (String, i64, &'a str, i64, Option<&'a str>, Option<i64>, String, i64, String, String);

const ROOMS: &str =
    "INSERT INTO rooms (room_id) SELECT DISTINCT unhex(value->>0) FROM json_each($1) WHERE true ON CONFLICT DO NOTHING";

/// Which of the messages are new, or say something later than what is there.
const CHANGING: &str = "SELECT j.key FROM json_each($1) j LEFT JOIN rooms r ON r.room_id = unhex(j.value->>0) \
    LEFT JOIN messages m ON m.room = r.id AND m.number = j.value->>1 WHERE m.id IS NULL OR m.version < j.value->>7";

/// Words of messages that are about to change.
const WORDS_GONE: &str = "DELETE FROM words WHERE (word, sent_at, room, message) IN \
    (SELECT w.value, m.sent_at, m.room, m.id FROM json_each($1) j JOIN rooms r ON r.room_id = unhex(j.value->>0) \
     JOIN messages m ON m.room = r.id AND m.number = j.value->>1, json_each(m.words) w WHERE m.version < j.value->>7)";

const MESSAGES: &str = "INSERT INTO messages (room, number, author, sent_at, text, edited_at, words, version) \
    SELECT r.id, j.value->>1, j.value->>2, j.value->>3, j.value->>4, j.value->>5, j.value->>6, j.value->>7 \
    FROM json_each($1) j JOIN rooms r ON r.room_id = unhex(j.value->>0) WHERE true \
    ON CONFLICT (room, number) DO UPDATE SET author = excluded.author, sent_at = excluded.sent_at, text = excluded.text, \
    edited_at = excluded.edited_at, words = excluded.words, version = excluded.version WHERE excluded.version > messages.version";

const TERMS: &str = "INSERT OR REPLACE INTO texts (rowid, terms, grams) SELECT m.id, j.value->>8, j.value->>9 \
    FROM json_each($1) j JOIN rooms r ON r.room_id = unhex(j.value->>0) \
    JOIN messages m ON m.room = r.id AND m.number = j.value->>1 WHERE m.version = j.value->>7";

const WORDS: &str = "INSERT INTO words (word, sent_at, room, message) SELECT w.value, m.sent_at, m.room, m.id \
    FROM json_each($1) j JOIN rooms r ON r.room_id = unhex(j.value->>0) \
    JOIN messages m ON m.room = r.id AND m.number = j.value->>1, json_each(m.words) w WHERE m.version = j.value->>7 \
    ON CONFLICT DO NOTHING";

const PEOPLE: &str = "INSERT INTO people (user_id, registered_at) SELECT value->>0, value->>1 FROM json_each($1) WHERE true \
    ON CONFLICT (user_id) DO NOTHING";

/// What is taken away at once: the writer is not kept waiting for longer than this takes.
const EXPIRED_MAX: i64 = 5_000;

/// Takes away the oldest messages sent before `before`, up to [`EXPIRED_MAX`].
pub(super) async fn expire(connection: &mut SqliteConnection, before: Timestamp) -> Result<u64, Fault> {
    const OLDEST: &str = "SELECT id FROM messages WHERE sent_at < $1 ORDER BY sent_at LIMIT $2";
    const STATEMENTS: [&str; 3] = [
        "DELETE FROM words WHERE (word, sent_at, room, message) IN (SELECT w.value, m.sent_at, m.room, m.id \
         FROM json_each($1) j JOIN messages m ON m.id = j.value, json_each(m.words) w)",
        "DELETE FROM texts WHERE rowid IN (SELECT value FROM json_each($1))",
        "DELETE FROM messages WHERE id IN (SELECT value FROM json_each($1))",
    ];
    let oldest = sqlx::query_scalar(OLDEST).bind(before.as_millis()).bind(EXPIRED_MAX);
    let ids: Vec<i64> = oldest.fetch_all(&mut *connection).await.map_err(fault)?;
    let list = json(&ids)?;
    for statement in STATEMENTS {
        sqlx::query(statement).bind(list.clone()).execute(&mut *connection).await.map_err(fault)?;
    }
    Ok(u64::try_from(ids.len()).unwrap_or(u64::MAX))
}

pub(super) async fn documents(connection: &mut SqliteConnection, documents: &[Document]) -> Result<Vec<Refused>, Fault> {
    let (mut messages, mut people, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (index, document) in documents.iter().enumerate() {
        match document {
            Document::Message(message) => match row(message) {
                Ok(row) => messages.push(row),
                Err(reason) => refused.push(Refused { index, reason }),
            },
            Document::Person(person) => people.push((person.user.as_str(), person.registered_at.as_millis())),
        }
    }
    let messages = changing(connection, messages).await?;
    if !messages.is_empty() {
        let rows = json(&messages)?;
        for statement in [ROOMS, WORDS_GONE, MESSAGES, TERMS, WORDS] {
            sqlx::query(statement).bind(rows.clone()).execute(&mut *connection).await.map_err(fault)?;
        }
    }
    if !people.is_empty() {
        sqlx::query(PEOPLE).bind(json(&people)?).execute(connection).await.map_err(fault)?;
    }
    Ok(refused)
}

/// Leaves out what changes nothing: FTS5 keeps counting a row that was replaced, so that replays would shift every score.
async fn changing<'a>(connection: &mut SqliteConnection, messages: Vec<Row<'a>>) -> Result<Vec<Row<'a>>, Fault> {
    let keys: Vec<i64> = sqlx::query_scalar(CHANGING).bind(json(&messages)?).fetch_all(connection).await.map_err(fault)?;
    let keys: BTreeSet<i64> = keys.into_iter().collect();
    Ok((0..).zip(messages).filter(|(key, _)| keys.contains(key)).map(|(_, row)| row).collect())
}

fn row(message: &Message) -> Result<Row<'_>, String> {
    let signed = |number: u64| i64::try_from(number).map_err(|_| format!("{number} does not fit a column"));
    let text = message.text.as_deref();
    let said = text.unwrap_or_default();
    Ok((
        hex(message.room),
        signed(message.number)?,
        message.author.as_str(),
        message.sent_at.as_millis(),
        text,
        message.edited_at.map(Timestamp::as_millis),
        serde_json::to_string(&words::counted(said)).map_err(|error| error.to_string())?,
        signed(message.version)?,
        words::terms(said),
        words::grams(said),
    ))
}

fn json(rows: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(rows).map_err(|error| Fault::Unavailable(error.to_string()))
}

/// A room id as `unhex` reads it: JSON has no bytes.
pub(super) fn hex(room: RoomId) -> String {
    room.as_uuid().simple().to_string()
}
