//! `POST /user/token`: a new access token for a refresh token, which is used up and replaced.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use infra::credentials::{AuditEvent, Entry, Rotation, Which};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem, auth};
use serde::Deserialize;
use utoipa::ToSchema;

use super::cookies;
use super::login::{SignedIn, answer};
use crate::address::ClientAddress;
use crate::refresh::RefreshToken;
use crate::{Identity, log_line, outcome};

/// The refresh token, for clients that keep it themselves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renew {
    /// The last refresh token that was given.
    refresh_token: RefreshToken,
}

/// Renews the session. A refresh token is good once: who uses an old one ends the session, because one of two holders is a thief.
/// 401 `session-over` where nothing can be renewed.
#[utoipa::path(
    post, path = "/user/token", tag = "people", request_body(content = Option<Renew>, description = "browsers bring the cookie instead"),
    responses((status = 200, description = "renewed", body = SignedIn), Problems)
)]
pub async fn renew(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    method: Method,
    headers: HeaderMap,
    body: Option<Json<Renew>>,
) -> Result<Response, Problem> {
    let (token, browser) = match body {
        Some(Json(Renew { refresh_token })) => (refresh_token, false),
        None => {
            let token = cookies::refresh_token(&headers);
            let token = token.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "token-missing"))?;
            auth::check_same_origin(&method, &headers)?;
            (token, true)
        }
    };
    let next = RefreshToken::fresh();
    let ended = identity.ended(Which::All);
    let entry = Entry { address: Some(address), ..Entry::new(AuditEvent::RefreshReused, None, ended.at) };
    let rotation = identity.credentials().rotate(&token.digest(), &next.digest(), ended, &entry).await;
    match rotation.map_err(outcome::of_database)? {
        Rotation::Rotated { user, session, roles, expires_at } => {
            answer(&identity, browser, user, session, roles, &next, expires_at)
        }
        Rotation::Reused { user, session } => {
            identity.0.outbox.notify_one();
            log_line(&Entry { user: Some(user), session: Some(session), ..entry });
            over(&identity, browser)
        }
        Rotation::Over | Rotation::Unknown => over(&identity, browser),
    }
}

fn over(identity: &Identity, browser: bool) -> Result<Response, Problem> {
    let mut response = Problem::new(StatusCode::UNAUTHORIZED, "session-over").into_response();
    if browser {
        cookies::clear(&mut response, &identity.0.options)?;
    }
    Ok(response)
}
