//! `POST /user/login`: signs in.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::{Timestamp, UserId};
use infra::credentials::{Account, AccountState, AuditEvent, Entry, NewSession, Roles, Which};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::cookies;
use crate::address::ClientAddress;
use crate::passwords::{Password, Verified};
use crate::refresh::RefreshToken;
use crate::{Identity, log_line, outcome};

/// The most characters of what a client calls itself that are kept.
const AGENT_CHARACTERS_MAX: usize = 120;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// The user id.
    #[schema(value_type = String, example = "alice")]
    user_id: UserId,
    /// The password.
    password: Password,
}

/// Somebody is signed in. Our own page has the tokens in cookies, and finds none here.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// The session.
    pub session_id: Uuid,
    /// For `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// For `POST /user/token`, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// When the session ends, however often it is renewed.
    #[schema(value_type = String, format = DateTime)]
    pub session_expires_at: Timestamp,
}

/// Signs in. An unknown user and a wrong password have the same answer, 401 `sign-in-failed`, after the same time.
#[utoipa::path(
    post, path = "/user/login", tag = "people", request_body = Login,
    responses((status = 200, description = "signed in", body = SignedIn), Problems)
)]
pub async fn login(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    method: Method,
    headers: HeaderMap,
    Json(Login { user_id, password }): Json<Login>,
) -> Result<Response, Problem> {
    let browser = cookies::is_our_page(&method, &headers)?;
    let (of_account, of_address) = (identity.attempt_of_account(&user_id), identity.attempt_of_address(&address));
    let now = identity.now();
    let entry = |event| Entry { address: Some(address.clone()), ..Entry::new(event, Some(user_id.clone()), now) };
    let attempts = [of_account.clone(), of_address.clone()];
    if let Some(until) = identity.credentials().attempt(&attempts, now).await.map_err(outcome::of_database)? {
        log_line(&entry(AuditEvent::SignInDelayed));
        return Err(outcome::of_wait(until, now));
    }
    let account = identity.credentials().account(&user_id).await.map_err(outcome::of_database)?;
    let account = account.filter(|account| account.state == AccountState::Active);
    let stored = account.as_ref().and_then(|account| account.password.as_deref());
    let verified = match identity.0.passwords.verify(password.clone(), stored).await {
        Ok(verified) => verified,
        Err(fault) => {
            // Nothing was tried, so nothing failed.
            identity.credentials().succeeded(&attempts, &[]).await.map_err(outcome::of_database)?;
            return Err(outcome::of_hashing(fault));
        }
    };
    let (Verified::Good { outdated }, Some(account)) = (verified, account) else {
        return Err(failed(&identity, entry(AuditEvent::SignInFailed)).await);
    };
    let (session, refresh) = new_session(&identity, &account, &headers);
    let signed_in = Entry { session: Some(session.id), ..entry(AuditEvent::SignedIn) };
    let Some(roles) = identity.credentials().begin_session(&session, &signed_in).await.map_err(outcome::of_database)? else {
        return Err(failed(&identity, entry(AuditEvent::SignInFailed)).await);
    };
    log_line(&signed_in);
    identity.0.outbox.notify_one();
    identity.credentials().succeeded(&[of_address], &[of_account]).await.map_err(outcome::of_database)?;
    if outdated {
        tokio::spawn(rehash(identity.clone(), account.clone(), password));
    }
    answer(&identity, browser, user_id, session.id, roles, &refresh, session.expires_at)
}

async fn failed(identity: &Identity, entry: Entry) -> Problem {
    log_line(&entry);
    if let Err(fault) = identity.credentials().audit(&entry).await {
        return outcome::of_database(fault);
    }
    Problem::new(StatusCode::UNAUTHORIZED, "sign-in-failed")
}

fn new_session(identity: &Identity, account: &Account, headers: &HeaderMap) -> (NewSession, RefreshToken) {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    let refresh = RefreshToken::fresh();
    let duration_ms = i64::try_from(identity.0.options.session_duration.as_millis()).unwrap_or(i64::MAX);
    let session = NewSession {
        id: infra::random::uuid_v4(),
        user: account.user.clone(),
        verified: account.password.clone().unwrap_or_default(),
        digest: refresh.digest(),
        agent: agent.chars().take(AGENT_CHARACTERS_MAX).collect(),
        expires_at: identity.now().saturating_add_millis(duration_ms),
        ended: identity.ended(Which::All),
    };
    (session, refresh)
}

/// The answer to who is signed in now, by password or by refresh token.
pub fn answer(
    identity: &Identity,
    browser: bool,
    user_id: UserId,
    session_id: Uuid,
    roles: Roles,
    refresh: &RefreshToken,
    session_expires_at: Timestamp,
) -> Result<Response, Problem> {
    let issued = identity.issue(user_id.clone(), session_id, roles)?;
    let shown = |token: &str| (!browser).then(|| token.to_owned());
    let body = SignedIn {
        user_id,
        session_id,
        token: shown(&issued.token.0),
        expires_at: issued.expires_at,
        refresh_token: shown(refresh.reveal()),
        session_expires_at,
    };
    let mut response = Json(body).into_response();
    if browser {
        let seconds = session_expires_at.as_millis().saturating_sub(identity.now().as_millis()) / 1000;
        cookies::set(&mut response, &issued.token.0, refresh, seconds, &identity.0.options)?;
    }
    Ok(response)
}

/// Stores the password anew with today's parameters. Best effort: the next sign-in tries again.
async fn rehash(identity: Identity, account: Account, password: Password) {
    let hashed = identity.0.passwords.store(password).await;
    let entry = Entry::new(AuditEvent::PasswordRehashed, Some(account.user.clone()), identity.now());
    let stored = match hashed {
        Ok(hashed) => {
            let expected = account.password.as_deref();
            identity.credentials().set_password(&account.user, expected, &hashed, None, &entry).await.is_ok_and(|stored| stored)
        }
        Err(_) => false,
    };
    if stored {
        log_line(&entry);
    }
}
