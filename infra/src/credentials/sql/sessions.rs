//! Sessions and their refresh tokens.

use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::{Row, Transaction, audit, outbox, values};
use crate::credentials::session::SESSIONS_MAX;
use crate::credentials::{Digest, Ended, Entry, Fault, NewSession, Outgoing, Roles, Rotation, Session, Which};
use crate::revocation::Revocation;

pub(super) async fn begin(tx: &mut dyn Transaction, new: &NewSession, entry: &Entry) -> Result<bool, Fault> {
    // Written, not read: whoever shuts the person out at this moment writes the same row, and one of the two is first.
    const LOCK: &str = "UPDATE accounts SET changed_at = changed_at WHERE user_id = $1 AND state = 'active' AND password = $2";
    const INSERT: &str = "INSERT INTO sessions (session_id, user_id, agent, created_at, used_at, expires_at) \
        VALUES ($1, $2, $3, $4, $4, $5)";
    const OLDEST: &str = "SELECT session_id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 \
        ORDER BY created_at DESC, session_id LIMIT 1000 OFFSET $3";
    if tx.run(LOCK, values![&new.user, &new.verified]).await? == 0 {
        return Ok(false);
    }
    let at = new.ended.at;
    tx.run(INSERT, values![new.id, &new.user, &new.agent, at, new.expires_at]).await?;
    insert_token(tx, &new.digest, new.id, at).await?;
    for row in tx.rows(OLDEST, values![&new.user, at, SESSIONS_MAX]).await? {
        let which = Which::One(row.must_id("session_id")?);
        end(tx, &new.user, Ended { which, ..new.ended }).await?;
    }
    audit::put(tx, entry).await?;
    Ok(true)
}

async fn insert_token(tx: &mut dyn Transaction, digest: &Digest, session: Uuid, at: Timestamp) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO refresh_tokens (digest, session_id, issued_at) VALUES ($1, $2, $3)";
    tx.run(INSERT, values![digest.0.as_slice(), session, at]).await.map(drop)
}

pub(super) async fn rotate(
    tx: &mut dyn Transaction,
    digest: &Digest,
    next: &Digest,
    ended: Ended,
    entry: &Entry,
) -> Result<Rotation, Fault> {
    // Of any number that use a token at once, this lets one through.
    const USE: &str = "UPDATE refresh_tokens SET used_at = $2 WHERE digest = $1 AND used_at IS NULL RETURNING session_id";
    const RENEW: &str = "UPDATE sessions SET used_at = $2 WHERE session_id = $1 AND ended_at IS NULL AND expires_at > $2 \
        RETURNING user_id, expires_at";
    const ROLES: &str = "SELECT roles FROM accounts WHERE user_id = $1 AND state = 'active'";
    let Some(row) = tx.row(USE, values![digest.0.as_slice(), ended.at]).await? else {
        return reused(tx, digest, ended, entry).await;
    };
    let session = row.must_id("session_id")?;
    let Some(row) = tx.row(RENEW, values![session, ended.at]).await? else { return Ok(Rotation::Over) };
    let (user, expires_at) = (row.user("user_id")?, row.time("expires_at")?);
    let Some(row) = tx.row(ROLES, values![&user]).await? else { return Ok(Rotation::Over) };
    insert_token(tx, next, session, ended.at).await?;
    Ok(Rotation::Rotated { user, session, roles: row.word::<Roles>("roles")?, expires_at })
}

async fn reused(tx: &mut dyn Transaction, digest: &Digest, ended: Ended, entry: &Entry) -> Result<Rotation, Fault> {
    let Some((user, session)) = of_token(tx, digest).await? else { return Ok(Rotation::Unknown) };
    // A session that is over already is told once more as over: nothing is left to protect.
    if end(tx, &user, Ended { which: Which::One(session), ..ended }).await? == 0 {
        return Ok(Rotation::Over);
    }
    audit::put(tx, &Entry { user: Some(user.clone()), session: Some(session), ..entry.clone() }).await?;
    Ok(Rotation::Reused { user, session })
}

pub(super) async fn of_token(tx: &mut dyn Transaction, digest: &Digest) -> Result<Option<(UserId, Uuid)>, Fault> {
    const OF_TOKEN: &str = "SELECT s.user_id AS user_id, s.session_id AS session_id FROM refresh_tokens t \
        JOIN sessions s ON s.session_id = t.session_id WHERE t.digest = $1";
    let row = tx.row(OF_TOKEN, values![digest.0.as_slice()]).await?;
    row.map(|row| Ok((row.user("user_id")?, row.must_id("session_id")?))).transpose()
}

/// Ends sessions, each with its revocation. Says how many.
pub(super) async fn end(tx: &mut dyn Transaction, user: &UserId, ended: Ended) -> Result<u64, Fault> {
    const ALL: &str = "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL RETURNING session_id";
    const ONE: &str =
        "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND session_id = $3 RETURNING session_id";
    const ALL_BUT: &str =
        "UPDATE sessions SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL AND session_id <> $3 RETURNING session_id";
    let mut values = values![user, ended.at];
    let statement = match ended.which {
        Which::All => ALL,
        Which::One(session) => {
            values.push(session.into());
            ONE
        }
        Which::AllBut(session) => {
            values.push(session.into());
            ALL_BUT
        }
    };
    let rows = tx.rows(statement, values).await?;
    for row in &rows {
        let session_id = row.must_id("session_id")?;
        let revocation = Revocation::Session { session_id, user_id: user.clone(), until: ended.tokens_until };
        outbox::put(tx, &Outgoing::from(&revocation), ended.at).await?;
    }
    Ok(rows.len() as u64)
}

/// Ends everything of a person, also tokens of no known session.
pub(super) async fn shut_out(tx: &mut dyn Transaction, user: &UserId, ended: Ended) -> Result<(), Fault> {
    // By session too: its id needs no clock, and nodes' clocks differ.
    end(tx, user, Ended { which: Which::All, ..ended }).await?;
    let revocation = Revocation::User { user_id: user.clone(), issued_until: ended.at, until: ended.tokens_until };
    outbox::put(tx, &Outgoing::from(&revocation), ended.at).await
}

pub(super) async fn list(tx: &mut dyn Transaction, user: &UserId, at: Timestamp) -> Result<Vec<Session>, Fault> {
    const LIST: &str = "SELECT session_id, agent, created_at, used_at, expires_at FROM sessions \
        WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, session_id";
    let session = |row: &Row| {
        Ok(Session {
            id: row.must_id("session_id")?,
            agent: row.must_text("agent")?,
            created_at: row.time("created_at")?,
            used_at: row.time("used_at")?,
            expires_at: row.time("expires_at")?,
        })
    };
    tx.rows(LIST, values![user, at]).await?.iter().map(session).collect()
}
