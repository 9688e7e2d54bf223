//! The outbox.

use domain::Timestamp;
use domain::wire::Record;

use super::{Row, Transaction, broken, values};
use crate::credentials::{Fault, Leased, Outgoing};
use crate::log::Topic;

pub(super) async fn put(tx: &mut dyn Transaction, outgoing: &Outgoing, at: Timestamp) -> Result<(), Fault> {
    const INSERT: &str = "INSERT INTO outbox (topic, record_key, headers, value, created_at, leased_until) \
        VALUES ($1, $2, $3, $4, $5, 0)";
    let Record { key, headers, value } = &outgoing.record;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|error| Fault::Rejected(error.to_string()));
    let headers = headers.iter().map(|(name, value)| Ok((name.to_string(), text(value)?)));
    let headers = headers.collect::<Result<Vec<_>, Fault>>()?;
    let headers = serde_json::to_string(&headers).map_err(|error| Fault::Rejected(error.to_string()))?;
    let values = values![outgoing.topic.base_name(), &text(key)?, &headers, value.as_slice(), at];
    tx.run(INSERT, values).await?;
    Ok(())
}

pub(super) async fn lease(tx: &mut dyn Transaction, limit: u32, at: Timestamp, until: Timestamp) -> Result<Vec<Leased>, Fault> {
    // Nodes lease one after the other: who looks sees what the one before has taken, and so the order of a key's records is kept.
    const ONE_AT_A_TIME: &str = "UPDATE outbox_turn SET turns = turns + 1";
    const LEASE: &str = "UPDATE outbox SET leased_until = $3 WHERE id IN (SELECT o.id FROM outbox o \
        WHERE o.leased_until <= $2 AND NOT EXISTS (SELECT 1 FROM outbox e \
            WHERE e.topic = o.topic AND e.record_key = o.record_key AND e.id < o.id AND e.leased_until > $2) \
        ORDER BY o.id LIMIT $1) RETURNING id, topic, record_key, headers, value";
    tx.run(ONE_AT_A_TIME, Vec::new()).await?;
    let mut leased = tx.rows(LEASE, values![limit, at, until]).await?.iter().map(leased_of).collect::<Result<Vec<_>, _>>()?;
    leased.sort_unstable_by_key(|leased| leased.id);
    Ok(leased)
}

fn leased_of(row: &Row) -> Result<Leased, Fault> {
    let topic = row.must_text("topic")?;
    let topic = Topic::ALL.into_iter().find(|known| known.base_name() == topic);
    let headers: Vec<(String, String)> =
        serde_json::from_str(&row.must_text("headers")?).map_err(|error| broken("headers", error))?;
    let record = Record {
        key: row.must_text("record_key")?.into_bytes(),
        headers: headers.into_iter().map(|(name, value)| (name.into(), value.into_bytes())).collect(),
        value: row.bytes("value")?,
    };
    let topic = topic.ok_or_else(|| broken("topic", "no topic has this name"))?;
    Ok(Leased { id: row.must_number("id")?, outgoing: Outgoing { topic, record } })
}

pub(super) async fn give_back(tx: &mut dyn Transaction, ids: &[i64]) -> Result<(), Fault> {
    const GIVE_BACK: &str = "UPDATE outbox SET leased_until = 0 WHERE id = $1";
    for id in ids {
        tx.run(GIVE_BACK, values![*id]).await?;
    }
    Ok(())
}

pub(super) async fn sent(tx: &mut dyn Transaction, ids: &[i64]) -> Result<(), Fault> {
    const DELETE: &str = "DELETE FROM outbox WHERE id = $1";
    for id in ids {
        tx.run(DELETE, values![*id]).await?;
    }
    Ok(())
}

pub(super) async fn waiting(tx: &mut dyn Transaction) -> Result<u64, Fault> {
    let row = tx.row("SELECT count(*) AS waiting FROM outbox", Vec::new()).await?;
    let waiting = row.map(|row| row.must_number("waiting")).transpose()?.unwrap_or_default();
    u64::try_from(waiting).map_err(|error| broken("waiting", error).into())
}
