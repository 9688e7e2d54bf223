//! What the log says, and how far it was read.

use domain::acceptance::Cursor;
use domain::saga::ReasonCode;
use domain::saga::SagaId;
use domain::{Timestamp, UserId};

use super::{Transaction, audit, broken, sessions, values};
use crate::credentials::{AuditEvent, Entry, Fact, Fault};
use crate::log::TopicPartition;
use crate::read_model::Checkpoint;

pub(super) async fn checkpoint(tx: &mut dyn Transaction, of: TopicPartition) -> Result<Checkpoint, Fault> {
    const SELECT: &str = "SELECT next_offset, epoch, sequence FROM checkpoints WHERE topic = $1 AND partition = $2";
    let Some(row) = tx.row(SELECT, values![of.topic.base_name(), of.partition]).await? else { return Ok(Checkpoint::default()) };
    let number = |name| u64::try_from(row.must_number(name)?).map_err(|error| broken(name, error));
    let cursor = Cursor { epoch: number("epoch")?, sequence: number("sequence")? };
    Ok(Checkpoint { next_offset: number("next_offset")?, cursor })
}

pub(super) async fn advance(
    tx: &mut dyn Transaction,
    of: TopicPartition,
    expected: Checkpoint,
    next: Checkpoint,
) -> Result<(), Fault> {
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
        return Ok(());
    }
    for number in [expected.next_offset, expected.cursor.epoch, expected.cursor.sequence] {
        position.push(signed(number)?.into());
    }
    if tx.run(MOVE, position).await? == 1 { Ok(()) } else { Err(Fault::CheckpointMoved(of)) }
}

/// Takes one fact. Says whether it changed anything.
pub(super) async fn learn(tx: &mut dyn Transaction, fact: &Fact) -> Result<bool, Fault> {
    match fact {
        Fact::Registered { user, command, at } => activate(tx, user, command.as_uuid(), *at).await,
        Fact::Refused { saga, reason, at } => release(tx, *saga, reason, *at).await,
        Fact::Deactivated { user, ended } => {
            const DEACTIVATE: &str = "UPDATE accounts SET state = 'deactivated', password = NULL, email = NULL, roles = '', \
                changed_at = $2 WHERE user_id = $1 AND state IN ('active', 'disabled')";
            // What is pending is nobody's yet: the event is that of somebody else who has the id, and a refusal will follow.
            if tx.run(DEACTIVATE, values![user, ended.at]).await? == 0 {
                return Ok(false);
            }
            sessions::shut_out(tx, user, *ended).await?;
            audit::put(tx, &Entry::new(AuditEvent::AccountDeactivated, Some(user.clone()), ended.at)).await?;
            Ok(true)
        }
    }
}

async fn activate(tx: &mut dyn Transaction, user: &UserId, command: uuid::Uuid, at: Timestamp) -> Result<bool, Fault> {
    const ACTIVATE: &str = "UPDATE accounts SET state = 'active', changed_at = $3 \
        WHERE user_id = $1 AND command_id = $2 AND state = 'pending' RETURNING saga_id";
    const REGISTERED: &str = "UPDATE registrations SET state = 'registered', changed_at = $2 WHERE saga_id = $1";
    let Some(row) = tx.row(ACTIVATE, values![user, command, at]).await? else { return Ok(false) };
    tx.run(REGISTERED, values![row.must_id("saga_id")?, at]).await?;
    audit::put(tx, &Entry::new(AuditEvent::AccountActivated, Some(user.clone()), at)).await?;
    Ok(true)
}

/// Only what is pending is released: a person who is in the log stays, whatever a message says.
async fn release(tx: &mut dyn Transaction, saga: SagaId, reason: &ReasonCode, at: Timestamp) -> Result<bool, Fault> {
    const RELEASE: &str = "DELETE FROM accounts WHERE saga_id = $1 AND state = 'pending' RETURNING user_id";
    const REFUSED: &str = "UPDATE registrations SET state = 'refused', reason = $2, changed_at = $3 WHERE saga_id = $1";
    let Some(row) = tx.row(RELEASE, values![saga.as_uuid()]).await? else { return Ok(false) };
    let user = row.user("user_id")?;
    tx.run(REFUSED, values![saga.as_uuid(), reason.as_str(), at]).await?;
    let entry = Entry::new(AuditEvent::RegistrationRefused, Some(user), at);
    audit::put(tx, &Entry { detail: Some(reason.to_string()), ..entry }).await?;
    Ok(true)
}
