//! How far a reader of the log has come, in a table beside what it made of it.

use domain::acceptance::Cursor;

use super::{Fault, Row, Transaction, broken, values};
use crate::log::{Topic, TopicPartition};
use crate::read_model::Checkpoint;

/// Where the reader stands in `of`; the beginning where it never was.
pub(crate) async fn read(tx: &mut dyn Transaction, of: TopicPartition) -> Result<Checkpoint, Fault> {
    const SELECT: &str = "SELECT next_offset, epoch, sequence FROM checkpoints WHERE topic = $1 AND partition = $2";
    let row = tx.row(SELECT, values![of.topic.base_name(), of.partition]).await?;
    row.map_or_else(|| Ok(Checkpoint::default()), |row| position(&row))
}

/// Where the reader stands everywhere; nothing of a topic that a later version added.
pub(crate) async fn all(tx: &mut dyn Transaction) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
    const SELECT: &str = "SELECT topic, partition, next_offset, epoch, sequence FROM checkpoints ORDER BY topic, partition";
    let mut found = Vec::new();
    for row in tx.rows(SELECT, values![]).await? {
        let name = row.must_text("topic")?;
        let partition = u32::try_from(row.must_count("partition")?).map_err(|error| broken("partition", error))?;
        let topic = Topic::ALL.into_iter().find(|topic| topic.base_name() == name);
        let position = position(&row)?;
        found.extend(topic.map(|topic| (TopicPartition { topic, partition }, position)));
    }
    Ok(found)
}

fn position(row: &Row) -> Result<Checkpoint, Fault> {
    let cursor = Cursor { epoch: row.must_count("epoch")?, sequence: row.must_count("sequence")? };
    Ok(Checkpoint { next_offset: row.must_count("next_offset")?, cursor })
}

/// Moves the checkpoint from `expected` to `next`; says whether it was there.
pub(crate) async fn advance(
    tx: &mut dyn Transaction,
    of: TopicPartition,
    expected: Checkpoint,
    next: Checkpoint,
) -> Result<bool, Fault> {
    const FIRST: &str = "INSERT INTO checkpoints (topic, partition, next_offset, epoch, sequence) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT DO NOTHING";
    const MOVE: &str = "UPDATE checkpoints SET next_offset = $3, epoch = $4, sequence = $5 \
        WHERE topic = $1 AND partition = $2 AND next_offset = $6 AND epoch = $7 AND sequence = $8";
    let signed = |number: u64| i64::try_from(number).map_err(|error| Fault::Rejected(error.to_string()));
    let mut position = values![of.topic.base_name(), of.partition];
    for number in [next.next_offset, next.cursor.epoch, next.cursor.sequence] {
        position.push(signed(number)?.into());
    }
    if expected == Checkpoint::default() && tx.run(FIRST, position.clone()).await? == 1 {
        return Ok(true);
    }
    for number in [expected.next_offset, expected.cursor.epoch, expected.cursor.sequence] {
        position.push(signed(number)?.into());
    }
    Ok(tx.run(MOVE, position).await? == 1)
}
