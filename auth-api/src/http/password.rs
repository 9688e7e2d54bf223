//! `PUT /user/password`: another password.

use axum::extract::State;
use axum::http::StatusCode;
use domain::UserId;
use infra::credentials::{Account, AccountState, AuditEvent, Entry, Which};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::address::ClientAddress;
use crate::passwords::{Password, Verified};
use crate::{Identity, log_line, outcome};

/// A change of password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now.
    current: Password,
    /// The password from now on: 8–128 characters, and hard to guess.
    new: Password,
}

/// Changes the caller's password, and ends all their other sessions. 403 `password-wrong` where the current one is another.
#[utoipa::path(
    put, path = "/user/password", tag = "people", request_body = ChangePassword, security(("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "changed"), Problems)
)]
pub async fn change(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    Authenticated(caller): Authenticated,
    Json(ChangePassword { current, new }): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    let account = confirm(&identity, &caller.user, &address, current).await?;
    let names = [account.user.to_string()].into_iter().chain(account.email.clone()).collect();
    let hashed = identity.0.passwords.hash(new, names).await.map_err(outcome::of_hashing)?;
    let hashed = hashed.map_err(|weak| outcome::of_weak("/new", weak))?;
    let ended = identity.ended(caller.session.map_or(Which::All, Which::AllBut));
    let entry = Entry::new(AuditEvent::PasswordChanged, Some(caller.user.clone()), ended.at);
    let entry = Entry { session: caller.session, address: Some(address), ..entry };
    let expected = account.password.as_deref();
    let changed = identity.credentials().set_password(&caller.user, expected, &hashed, Some(ended), &entry).await;
    if !changed.map_err(outcome::of_database)? {
        // Changed by somebody else in the meantime: what was confirmed is not true any more.
        return Err(wrong());
    }
    log_line(&entry);
    identity.0.outbox.notify_one();
    Ok(StatusCode::NO_CONTENT)
}

/// The account of somebody who has just said its password; failures count as those of a sign-in do.
pub async fn confirm(identity: &Identity, user: &UserId, address: &str, password: Password) -> Result<Account, Problem> {
    let (attempts, now) = ([identity.attempt_of_account(user), identity.attempt_of_address(address)], identity.now());
    if let Some(until) = identity.credentials().attempt(&attempts, now).await.map_err(outcome::of_database)? {
        return Err(outcome::of_wait(until, now));
    }
    let account = identity.credentials().account(user).await.map_err(outcome::of_database)?;
    let account = account.filter(|account| account.state == AccountState::Active);
    let stored = account.as_ref().and_then(|account| account.password.as_deref());
    let verified = identity.0.passwords.verify(password, stored).await.map_err(outcome::of_hashing)?;
    let (Verified::Good { .. }, Some(account)) = (verified, account) else {
        let entry = Entry::new(AuditEvent::SignInFailed, Some(user.clone()), now);
        let entry = Entry { address: Some(address.to_owned()), detail: Some("confirmation".to_owned()), ..entry };
        identity.credentials().audit(&entry).await.map_err(outcome::of_database)?;
        log_line(&entry);
        return Err(wrong());
    };
    let [of_account, of_address] = attempts;
    identity.credentials().succeeded(&[of_address], &[of_account]).await.map_err(outcome::of_database)?;
    Ok(account)
}

fn wrong() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "password-wrong")
}
