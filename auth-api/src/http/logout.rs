//! `POST /user/logout`: ends the session.

use std::sync::Arc;

use axum::extract::{FromRef as _, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use infra::credentials::{AuditEvent, Entry, Which};
use infra::http::openapi::Problems;
use infra::http::{Problem, auth};
use infra::tokens::Verifier;

use super::cookies;
use crate::{Identity, log_line, outcome};

/// Ends the session of the token, and clears the cookies, whether the tokens in them are still good or not.
#[utoipa::path(post, path = "/user/logout", tag = "people", responses((status = 204, description = "signed out"), Problems))]
pub async fn logout(State(identity): State<Identity>, method: Method, headers: HeaderMap) -> Result<Response, Problem> {
    // Nobody is asked for a good token, but no foreign page may sign people out either.
    if headers.contains_key(header::COOKIE) {
        auth::check_same_origin(&method, &headers)?;
    }
    let by_access = auth::given_token(&headers)
        .and_then(|token| Arc::<Verifier>::from_ref(&identity).verify(token).ok())
        .and_then(|caller| Some((caller.user, caller.session?)));
    let session = match (by_access, cookies::refresh_token(&headers)) {
        (Some(session), _) => Some(session),
        // The access token may have run out long ago.
        (None, Some(token)) => identity.credentials().session_of(&token.digest()).await.map_err(outcome::of_database)?,
        (None, None) => None,
    };
    if let Some((user, session)) = session {
        let ended = identity.ended(Which::One(session));
        let entry = Entry { session: Some(session), ..Entry::new(AuditEvent::SessionsEnded, Some(user.clone()), ended.at) };
        if identity.credentials().end_sessions(&user, ended, &entry).await.map_err(outcome::of_database)? > 0 {
            identity.0.outbox.notify_one();
            log_line(&entry);
        }
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies::clear(&mut response, &identity.0.options)?;
    Ok(response)
}
