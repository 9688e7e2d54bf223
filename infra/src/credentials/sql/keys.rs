//! Signing keys.

use super::{Row, Transaction, values};
use crate::credentials::{Fault, KeyChange, KeyState, SigningKey};

pub(super) async fn all(tx: &mut dyn Transaction) -> Result<Vec<SigningKey>, Fault> {
    const SELECT: &str = "SELECT key_id, state, sealed, changed_at FROM signing_keys ORDER BY created_at, key_id";
    let key = |row: &Row| {
        Ok(SigningKey {
            id: row.must_text("key_id")?,
            state: row.word::<KeyState>("state")?,
            sealed: row.bytes("sealed")?,
            changed_at: row.time("changed_at")?,
        })
    };
    tx.rows(SELECT, Vec::new()).await?.iter().map(key).collect()
}

pub(super) async fn change(tx: &mut dyn Transaction, change: &KeyChange) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO signing_keys (key_id, state, sealed, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)";
    const MOVE: &str = "UPDATE signing_keys SET state = $3, changed_at = $4 WHERE key_id = $1 AND state = $2";
    const DROP: &str = "DELETE FROM signing_keys WHERE key_id = $1 AND state = 'retired'";
    let changed = match change {
        KeyChange::Add(key) => tx.run(INSERT, values![&key.id, key.state.word(), key.sealed.as_slice(), key.changed_at]).await?,
        KeyChange::Move { id, from, to, at } => tx.run(MOVE, values![id, from.word(), to.word(), *at]).await?,
        KeyChange::Drop(id) => tx.run(DROP, values![id]).await?,
    };
    if changed == 1 { Ok(()) } else { Err(Fault::Rejected("another node has changed the keys".to_owned())) }
}
