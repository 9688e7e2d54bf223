//! Failures in a row, and who must wait.

use domain::Timestamp;

use super::{Transaction, values};
use crate::credentials::{Attempt, Fault};

/// Counts one attempt; the moment until which it must wait where it must, counting nothing.
pub(super) async fn attempt(tx: &mut dyn Transaction, attempt: &Attempt, at: Timestamp) -> Result<Option<Timestamp>, Fault> {
    const COUNT: &str = "INSERT INTO backoff (subject, failures, last_at, blocked_until) VALUES ($1, 1, $2, 0) \
        ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at, \
        failures = CASE WHEN excluded.last_at - backoff.last_at > $3 THEN 1 ELSE backoff.failures + 1 END \
        WHERE backoff.blocked_until <= excluded.last_at RETURNING failures";
    const BLOCKED: &str = "SELECT blocked_until FROM backoff WHERE subject = $1";
    const BLOCK: &str = "UPDATE backoff SET blocked_until = $2 WHERE subject = $1";
    let counted = tx.row(COUNT, values![&attempt.subject, at, attempt.policy.forget_after_ms]).await?;
    let Some(row) = counted else {
        let row = tx.row(BLOCKED, values![&attempt.subject]).await?;
        return Ok(row.map(|row| row.time("blocked_until")).transpose()?);
    };
    let failures = u32::try_from(row.must_number("failures")?).unwrap_or(u32::MAX);
    let wait_ms = attempt.policy.wait_ms(failures);
    if wait_ms > 0 {
        tx.run(BLOCK, values![&attempt.subject, at.saturating_add_millis(wait_ms.into())]).await?;
    }
    Ok(None)
}

/// Takes one attempt back. Earlier failures stay counted: a good sign-in of one's own must not cover guesses at others.
pub(super) async fn undo(tx: &mut dyn Transaction, attempt: &Attempt) -> Result<(), Fault> {
    const UNDO: &str = "UPDATE backoff SET failures = failures - 1, blocked_until = 0 WHERE subject = $1 AND failures > 0";
    tx.run(UNDO, values![&attempt.subject]).await?;
    Ok(())
}

pub(super) async fn forget(tx: &mut dyn Transaction, attempt: &Attempt) -> Result<(), Fault> {
    tx.run("DELETE FROM backoff WHERE subject = $1", values![&attempt.subject]).await?;
    Ok(())
}
