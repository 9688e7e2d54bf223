//! The audit table, and what is forgotten.

use domain::{Timestamp, UserId};

use super::{Row, Transaction, values};
use crate::credentials::{AuditRow, Entry, Fault, TIDY_ROWS_MAX};

const DAY_MS: i64 = 86_400_000;

/// What is forgotten: the statement, and how long after the moment that it compares with, in milliseconds. Each takes rows away in
/// the order of an index, and a limited number. A session goes after its tokens.
pub(in crate::credentials) const FORGOTTEN: [(&str, i64); 5] = [
    (
        "DELETE FROM registrations WHERE saga_id IN (SELECT saga_id FROM registrations \
            WHERE state <> 'pending' AND changed_at < $1 ORDER BY changed_at LIMIT $2)",
        DAY_MS,
    ),
    (
        "DELETE FROM refresh_tokens WHERE digest IN (SELECT t.digest FROM sessions s \
            JOIN refresh_tokens t ON t.session_id = s.session_id WHERE s.expires_at < $1 ORDER BY s.expires_at LIMIT $2)",
        30 * DAY_MS,
    ),
    (
        "DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions s WHERE s.expires_at < $1 AND NOT EXISTS \
            (SELECT 1 FROM refresh_tokens t WHERE t.session_id = s.session_id) ORDER BY s.expires_at LIMIT $2)",
        30 * DAY_MS,
    ),
    ("DELETE FROM backoff WHERE subject IN (SELECT subject FROM backoff WHERE last_at < $1 ORDER BY last_at LIMIT $2)", DAY_MS),
    ("DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < $1 ORDER BY at LIMIT $2)", 400 * DAY_MS),
];

pub(super) async fn put(tx: &mut dyn Transaction, entry: &Entry) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO audit (at, event, user_id, actor, session_id, address, detail) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let user = entry.user.as_ref().map(ToString::to_string);
    let values = values![entry.at, entry.event.word(), &user, &entry.actor, entry.session, &entry.address, &entry.detail];
    tx.run(INSERT, values).await?;
    Ok(())
}

pub(super) async fn of(tx: &mut dyn Transaction, user: &UserId, limit: u32) -> Result<Vec<AuditRow>, Fault> {
    const SELECT: &str = "SELECT at, event, actor, session_id, address, detail FROM audit WHERE user_id = $1 \
        ORDER BY id DESC LIMIT $2";
    let line = |row: &Row| {
        Ok(AuditRow {
            at: row.time("at")?,
            event: row.must_text("event")?,
            actor: row.text("actor")?,
            session: row.id("session_id")?,
            address: row.text("address")?,
            detail: row.text("detail")?,
        })
    };
    tx.rows(SELECT, values![user, limit]).await?.iter().map(line).collect()
}

/// Says whether there may be more.
pub(super) async fn tidy(tx: &mut dyn Transaction, at: Timestamp) -> Result<bool, Fault> {
    let mut more = false;
    for (statement, kept_ms) in FORGOTTEN {
        let gone = tx.run(statement, values![at.saturating_add_millis(-kept_ms), TIDY_ROWS_MAX]).await?;
        more |= gone >= u64::from(TIDY_ROWS_MAX);
    }
    Ok(more)
}
