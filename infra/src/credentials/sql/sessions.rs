//! Sessions and their refresh tokens.

use domain::{Timestamp, UserId};
use uuid::Uuid;

use super::{Row, Transaction, audit, outbox, values};
use crate::credentials::session::{ROTATION_GRACE_MS, SESSIONS_MAX, SUCCESSORS_MAX};
use crate::credentials::{Digest, Ended, Entry, Fault, NewSession, Outgoing, Roles, Rotation, Session, Which};
use crate::revocation::Revocation;

pub(super) async fn begin(tx: &mut dyn Transaction, new: &NewSession, entry: &Entry) -> Result<Option<Roles>, Fault> {
    // Written, not read: whoever shuts the person out or changes the roles at this moment writes the same row, and one of the two
    // is first. So the roles that come back are those that the session begins with.
    const LOCK: &str = "UPDATE accounts SET changed_at = changed_at WHERE user_id = $1 AND state = 'active' AND password = $2 \
        RETURNING roles";
    const INSERT: &str = "INSERT INTO sessions (session_id, user_id, agent, created_at, used_at, expires_at) \
        VALUES ($1, $2, $3, $4, $4, $5)";
    const OLDEST: &str = "SELECT session_id FROM sessions WHERE user_id = $1 AND ended_at IS NULL AND expires_at > $2 \
        ORDER BY created_at DESC, session_id LIMIT 1000 OFFSET $3";
    let Some(account) = tx.row(LOCK, values![&new.user, &new.verified]).await? else { return Ok(None) };
    let at = new.ended.at;
    tx.run(INSERT, values![new.id, &new.user, &new.agent, at, new.expires_at]).await?;
    insert_token(tx, &new.digest, new.id, 0, at).await?;
    for row in tx.rows(OLDEST, values![&new.user, at, SESSIONS_MAX]).await? {
        let which = Which::One(row.must_id("session_id")?);
        end(tx, &new.user, Ended { which, ..new.ended }).await?;
    }
    audit::put(tx, entry).await?;
    Ok(Some(account.word::<Roles>("roles")?))
}

async fn insert_token(
    tx: &mut dyn Transaction,
    digest: &Digest,
    session: Uuid,
    generation: i64,
    at: Timestamp,
) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO refresh_tokens (digest, session_id, generation, issued_at) VALUES ($1, $2, $3, $4)";
    tx.run(INSERT, values![digest.0.as_slice(), session, generation, at]).await?;
    Ok(())
}

pub(super) async fn rotate(
    tx: &mut dyn Transaction,
    digest: &Digest,
    next: &Digest,
    ended: Ended,
    entry: &Entry,
) -> Result<Rotation, Fault> {
    // The session's row is written first: of any number that use tokens of it at once, each sees what the one before has done.
    const RENEW: &str = "UPDATE sessions SET used_at = $2 \
        WHERE session_id = (SELECT session_id FROM refresh_tokens WHERE digest = $1) AND ended_at IS NULL AND expires_at > $2 \
        RETURNING session_id, user_id, expires_at";
    const USE: &str = "UPDATE refresh_tokens SET used_at = COALESCE(used_at, $2) WHERE digest = $1";
    const ROLES: &str = "SELECT roles FROM accounts WHERE user_id = $1 AND state = 'active'";
    let at = ended.at;
    let Some(row) = tx.row(RENEW, values![digest.0.as_slice(), at]).await? else {
        return Ok(if of_token(tx, digest).await?.is_some() { Rotation::Over } else { Rotation::Unknown });
    };
    let (session, user, expires_at) = (row.must_id("session_id")?, row.user("user_id")?, row.time("expires_at")?);
    let Some(generation) = good_generation(tx, digest, session, at).await? else {
        end(tx, &user, Ended { which: Which::One(session), ..ended }).await?;
        audit::put(tx, &Entry { user: Some(user.clone()), session: Some(session), ..entry.clone() }).await?;
        return Ok(Rotation::Reused { user, session });
    };
    let Some(row) = tx.row(ROLES, values![&user]).await? else { return Ok(Rotation::Over) };
    tx.run(USE, values![digest.0.as_slice(), at]).await?;
    insert_token(tx, next, session, generation + 1, at).await?;
    Ok(Rotation::Rotated { user, session, roles: row.word::<Roles>("roles")?, expires_at })
}

/// The generation of a token that may be used now; nothing where using it is reuse.
///
/// Every token that took another's place is of the next generation. A token is good as long as none of a later generation was used,
/// and none of its own longer than the time of grace ago. So two tabs that renew at once both stay signed in, and when a thief and
/// the person go on beside each other, the later one of the two is found out.
async fn good_generation(tx: &mut dyn Transaction, digest: &Digest, session: Uuid, at: Timestamp) -> Result<Option<i64>, Fault> {
    const OWN: &str = "SELECT generation FROM refresh_tokens WHERE digest = $1";
    const FAMILY: &str = "SELECT \
        count(CASE WHEN generation > $2 AND used_at IS NOT NULL THEN 1 END) AS later, \
        count(CASE WHEN generation = $2 AND used_at < $3 THEN 1 END) AS past, \
        count(CASE WHEN generation = $2 + 1 THEN 1 END) AS successors \
        FROM refresh_tokens WHERE session_id = $1 AND generation >= $2";
    let Some(own) = tx.row(OWN, values![digest.0.as_slice()]).await? else { return Ok(None) };
    let generation = own.must_number("generation")?;
    let graced_since = at.saturating_add_millis(-ROTATION_GRACE_MS);
    let Some(family) = tx.row(FAMILY, values![session, generation, graced_since]).await? else { return Ok(None) };
    let good = family.must_number("later")? == 0
        && family.must_number("past")? == 0
        && family.must_number("successors")? < SUCCESSORS_MAX;
    Ok(good.then_some(generation))
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
