//! `GET` and `DELETE /user/sessions`, `DELETE /user/sessions/{id}`: where somebody is signed in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::Timestamp;
use infra::credentials::{AuditEvent, Entry, Which};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};
use infra::tokens::Caller;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::cookies;
use crate::{Identity, log_line, outcome};

/// Where somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    /// Latest first.
    items: Vec<SessionView>,
}

/// One session.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// Its id.
    session_id: Uuid,
    /// What the client calls itself.
    agent: String,
    /// When somebody signed in.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last renewed.
    #[schema(value_type = String, format = DateTime)]
    used_at: Timestamp,
    /// When it ends by itself.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it is the caller's own.
    current: bool,
}

/// Lists the caller's sessions.
#[utoipa::path(
    get, path = "/user/sessions", tag = "people", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Sessions), Problems)
)]
pub async fn list(State(identity): State<Identity>, Authenticated(caller): Authenticated) -> Result<Json<Sessions>, Problem> {
    let sessions = identity.credentials().sessions(&caller.user, identity.now()).await.map_err(outcome::of_database)?;
    let view = |session: infra::credentials::Session| SessionView {
        session_id: session.id,
        agent: session.agent,
        created_at: session.created_at,
        used_at: session.used_at,
        expires_at: session.expires_at,
        current: caller.session == Some(session.id),
    };
    Ok(Json(Sessions { items: sessions.into_iter().map(view).collect() }))
}

/// Ends all of the caller's sessions, this one too.
#[utoipa::path(
    delete, path = "/user/sessions", tag = "people", security(("bearer" = []), ("cookie" = [])),
    responses((status = 204, description = "signed out everywhere"), Problems)
)]
pub async fn end_all(State(identity): State<Identity>, Authenticated(caller): Authenticated) -> Result<Response, Problem> {
    end_some(&identity, &caller, Which::All).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookies::clear(&mut response, &identity.0.options)?;
    Ok(response)
}

/// Ends one session; 404 `session-not-found` where the caller has no such session.
#[utoipa::path(
    delete, path = "/user/sessions/{id}", tag = "people", params(("id" = Uuid, Path)),
    security(("bearer" = []), ("cookie" = [])), responses((status = 204, description = "it is ended"), Problems)
)]
pub async fn end(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    match end_some(&identity, &caller, Which::One(id)).await? {
        0 => Err(Problem::new(StatusCode::NOT_FOUND, "session-not-found")),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

async fn end_some(identity: &Identity, caller: &Caller, which: Which) -> Result<u64, Problem> {
    let ended = identity.ended(which);
    let session = if let Which::One(session) = which { Some(session) } else { None };
    let entry = Entry { session, ..Entry::new(AuditEvent::SessionsEnded, Some(caller.user.clone()), ended.at) };
    let count = identity.credentials().end_sessions(&caller.user, ended, &entry).await.map_err(outcome::of_database)?;
    if count > 0 {
        identity.0.outbox.notify_one();
        log_line(&entry);
    }
    Ok(count)
}
