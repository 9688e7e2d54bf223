//! Accounts and registrations.

use domain::UserId;
use domain::saga::{ReasonCode, SagaId};

use super::{Row, Transaction, audit, broken, outbox, sessions, values};
use crate::credentials::{
    Account, AccountState, Ended, Entry, Fault, NewAccount, Progress, Registration, Reserved, Role, Roles, StateChange,
};

const ACCOUNT: &str = "SELECT user_id, state, password, email, roles, created_at FROM accounts WHERE user_id = $1";
const ACCOUNTS: &str = "SELECT user_id, state, password, email, roles, created_at FROM accounts \
    WHERE user_id > $1 AND ($2 = '' OR roles = $2) ORDER BY user_id LIMIT $3";
const REGISTRATION: &str = "SELECT saga_id, user_id, request, state, reason, changed_at FROM registrations WHERE saga_id = $1";

pub(super) async fn reserve(tx: &mut dyn Transaction, new: &NewAccount, entry: &Entry) -> Result<Reserved, Fault> {
    if let Some(known) = known(tx, new).await? {
        return Ok(known);
    }
    const INSERT: &str = "INSERT INTO accounts \
        (user_id, state, password, email, roles, saga_id, command_id, created_at, changed_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING";
    let account = values![
        &new.user,
        AccountState::Pending.word(),
        &new.password,
        &new.email,
        &new.roles.to_string(),
        new.saga.as_uuid(),
        new.command.as_uuid(),
        new.at
    ];
    if tx.run(INSERT, account).await? == 0 {
        // Somebody has the id. It may be this very saga, whose other request committed while this one waited for it.
        return Ok(known(tx, new).await?.unwrap_or(Reserved::Taken));
    }
    const REGISTER: &str = "INSERT INTO registrations (saga_id, user_id, request, state, created_at, changed_at) \
        VALUES ($1, $2, $3, $4, $5, $5)";
    let pending = Progress::Pending.word();
    tx.run(REGISTER, values![new.saga.as_uuid(), &new.user, new.request.as_slice(), pending, new.at]).await?;
    outbox::put(tx, &new.message, new.at).await?;
    audit::put(tx, entry).await?;
    Ok(Reserved::New)
}

async fn known(tx: &mut dyn Transaction, new: &NewAccount) -> Result<Option<Reserved>, Fault> {
    let Some(row) = tx.row(REGISTRATION, values![new.saga.as_uuid()]).await? else { return Ok(None) };
    let same = row.bytes("request")? == new.request;
    Ok(Some(if same { Reserved::Known(registration_of(&row)?) } else { Reserved::OtherRequest }))
}

pub(super) async fn registration(tx: &mut dyn Transaction, saga: SagaId) -> Result<Option<Registration>, Fault> {
    tx.row(REGISTRATION, values![saga.as_uuid()]).await?.as_ref().map(registration_of).transpose()
}

fn registration_of(row: &Row) -> Result<Registration, Fault> {
    let reason = row.text("reason")?.map(|code| ReasonCode::parse(&code).map_err(|error| broken("reason", error)));
    Ok(Registration {
        saga: SagaId::from_uuid(row.must_id("saga_id")?),
        user: row.user("user_id")?,
        progress: row.word("state")?,
        reason: reason.transpose()?,
        changed_at: row.time("changed_at")?,
    })
}

pub(super) async fn account(tx: &mut dyn Transaction, user: &UserId) -> Result<Option<Account>, Fault> {
    tx.row(ACCOUNT, values![user]).await?.as_ref().map(account_of).transpose()
}

pub(super) async fn accounts(
    tx: &mut dyn Transaction,
    after: Option<&UserId>,
    role: Option<Role>,
    limit: u32,
) -> Result<Vec<Account>, Fault> {
    let values = values![after.map_or("", UserId::as_str), role.map_or("", Role::word), limit];
    tx.rows(ACCOUNTS, values).await?.iter().map(account_of).collect()
}

fn account_of(row: &Row) -> Result<Account, Fault> {
    Ok(Account {
        user: row.user("user_id")?,
        state: row.word("state")?,
        password: row.text("password")?,
        email: row.text("email")?,
        roles: row.word::<Roles>("roles")?,
        created_at: row.time("created_at")?,
    })
}

pub(super) async fn set_password(
    tx: &mut dyn Transaction,
    user: &UserId,
    expected: Option<&str>,
    password: &str,
    ends: Option<Ended>,
    entry: &Entry,
) -> Result<bool, Fault> {
    const UPDATE: &str = "UPDATE accounts SET password = $2, changed_at = $3 \
        WHERE user_id = $1 AND state IN ('active', 'disabled') AND ($4 = '' OR password = $4)";
    if tx.run(UPDATE, values![user, password, entry.at, expected.unwrap_or_default()]).await? == 0 {
        return Ok(false);
    }
    if let Some(ended) = ends {
        sessions::end(tx, user, ended).await?;
    }
    audit::put(tx, entry).await?;
    Ok(true)
}

pub(super) async fn set_roles(
    tx: &mut dyn Transaction,
    user: &UserId,
    roles: Roles,
    ended: Ended,
    entry: &Entry,
) -> Result<bool, Fault> {
    const UPDATE: &str = "UPDATE accounts SET roles = $2, changed_at = $3 WHERE user_id = $1 AND state <> 'deactivated'";
    if tx.run(UPDATE, values![user, &roles.to_string(), entry.at]).await? == 0 {
        return Ok(false);
    }
    sessions::end(tx, user, ended).await?;
    audit::put(tx, entry).await?;
    Ok(true)
}

pub(super) async fn change_state(
    tx: &mut dyn Transaction,
    user: &UserId,
    change: &StateChange,
    entry: &Entry,
) -> Result<bool, Fault> {
    const DISABLE: &str = "UPDATE accounts SET state = 'disabled', changed_at = $2 WHERE user_id = $1 AND state = 'active'";
    const ENABLE: &str = "UPDATE accounts SET state = 'active', changed_at = $2 WHERE user_id = $1 AND state = 'disabled'";
    const DEACTIVATE: &str = "UPDATE accounts SET state = 'deactivated', password = NULL, email = NULL, roles = '', \
        changed_at = $2 WHERE user_id = $1 AND state IN ('active', 'disabled')";
    let statement = match change {
        StateChange::Disable(_) => DISABLE,
        StateChange::Enable => ENABLE,
        StateChange::Deactivate(..) => DEACTIVATE,
    };
    if tx.run(statement, values![user, entry.at]).await? == 0 {
        return Ok(false);
    }
    if let StateChange::Disable(ended) | StateChange::Deactivate(ended, _) = change {
        sessions::shut_out(tx, user, *ended).await?;
    }
    if let StateChange::Deactivate(_, message) = change {
        outbox::put(tx, message, entry.at).await?;
    }
    audit::put(tx, entry).await?;
    Ok(true)
}
