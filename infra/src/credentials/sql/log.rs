//! What the log says.

use domain::saga::ReasonCode;
use domain::saga::SagaId;
use domain::{Timestamp, UserId};

use super::{Transaction, audit, sessions, values};
use crate::credentials::{AuditEvent, Entry, Fact, Fault};

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
