//! The audit table, and what is forgotten.

use domain::{Timestamp, UserId};

use super::{Row, Transaction, values};
use crate::credentials::{AuditRow, Entry, Fault};

const DAY_MS: i64 = 86_400_000;
/// How long an ended registration can be asked for.
const REGISTRATIONS_KEPT_MS: i64 = DAY_MS;
/// How long an ended session is remembered, so that the reuse of its tokens is known as such.
const SESSIONS_KEPT_MS: i64 = 30 * DAY_MS;
/// How long failures are remembered at most.
const FAILURES_KEPT_MS: i64 = DAY_MS;
/// How long the audit table reaches back.
const AUDIT_KEPT_MS: i64 = 400 * DAY_MS;

pub(super) async fn put(tx: &mut dyn Transaction, entry: &Entry) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO audit (at, event, user_id, actor, session_id, address, detail) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let user = entry.user.as_ref().map(ToString::to_string);
    let values = values![entry.at, entry.event.word(), &user, &entry.actor, entry.session, &entry.address, &entry.detail];
    tx.run(INSERT, values).await.map(drop)
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

pub(super) async fn tidy(tx: &mut dyn Transaction, at: Timestamp) -> Result<(), Fault> {
    const REGISTRATIONS: &str = "DELETE FROM registrations WHERE state <> 'pending' AND changed_at < $1";
    const TOKENS: &str = "DELETE FROM refresh_tokens WHERE session_id IN \
        (SELECT session_id FROM sessions WHERE ended_at < $1 OR expires_at < $1)";
    const SESSIONS: &str = "DELETE FROM sessions WHERE ended_at < $1 OR expires_at < $1";
    const FAILURES: &str = "DELETE FROM backoff WHERE last_at < $1";
    const AUDIT: &str = "DELETE FROM audit WHERE at < $1";
    for (statement, kept_ms) in [
        (REGISTRATIONS, REGISTRATIONS_KEPT_MS),
        (TOKENS, SESSIONS_KEPT_MS),
        (SESSIONS, SESSIONS_KEPT_MS),
        (FAILURES, FAILURES_KEPT_MS),
        (AUDIT, AUDIT_KEPT_MS),
    ] {
        tx.run(statement, values![at.saturating_add_millis(-kept_ms)]).await?;
    }
    Ok(())
}
