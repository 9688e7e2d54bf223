//! `POST /internal/tokens`: gives tools of ours a token of `import` scope.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use domain::{Scope, Timestamp, UserId};
use infra::credentials::{AuditEvent, Entry};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem};
use infra::tokens::{Grant, write_scope};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Identity, log_line, outcome};

/// How long such a token is good for where the request does not say.
const DURATION: Duration = Duration::from_secs(60 * 60);
/// The longest that it may be good for.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A token that is wished for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueToken {
    /// Whose token it is; need not be registered.
    #[schema(value_type = String)]
    user_id: UserId,
    /// What it allows: `import` is all that is given.
    scope: Vec<GrantedScope>,
    /// How long it is good for; an hour where it is left out, a day at most.
    seconds: Option<u64>,
}

/// A scope that is given here. Roles of people never come from a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum GrantedScope {
    /// To act in other people's names and at other times.
    Import,
}

/// A token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenIssued {
    /// For `Authorization: Bearer`.
    token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Gives a token to a tool that holds a service token.
#[utoipa::path(
    post, path = "/internal/tokens", tag = "internal", request_body = IssueToken, security(("bearer" = [])),
    responses((status = 200, body = TokenIssued), Problems)
)]
pub async fn issue(
    State(identity): State<Identity>,
    Authenticated(caller): Authenticated,
    Json(body): Json<IssueToken>,
) -> Result<Json<TokenIssued>, Problem> {
    if !caller.scope.service {
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed").detail("this takes a token with the scope `service`"));
    }
    let duration = body.seconds.map_or(DURATION, Duration::from_secs);
    if duration.is_zero() || duration > DURATION_MAX {
        return Err(Problem::value("/seconds", format!("1 to {}", DURATION_MAX.as_secs())));
    }
    let scope = Scope { import: body.scope.contains(&GrantedScope::Import), ..Scope::default() };
    let grant = Grant { user: body.user_id, scope, session: None, duration };
    let entry = Entry::new(AuditEvent::TokenIssued, Some(grant.user.clone()), identity.now());
    let entry = Entry { actor: Some(caller.user.to_string()), detail: Some(write_scope(scope)), ..entry };
    identity.credentials().audit(&entry).await.map_err(outcome::of_database)?;
    log_line(&entry);
    let issued = identity.0.keyring.signer().issue(&grant).map_err(|error| Problem::internal(&error))?;
    Ok(Json(TokenIssued { token: issued.token.0.to_string(), expires_at: issued.expires_at }))
}
