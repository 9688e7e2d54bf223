//! `GET /user/me`: who is signed in.

use axum::extract::State;
use domain::{Timestamp, UserId};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem};
use infra::tokens::write_scope;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Identity, outcome};

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The user id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// What the token allows beyond acting as that person.
    scope: Vec<String>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<Uuid>,
    /// The e-mail address, if one was given. Nobody else sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Says who is signed in.
#[utoipa::path(
    get, path = "/user/me", tag = "people", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, body = Me), Problems)
)]
pub async fn me(State(identity): State<Identity>, Authenticated(caller): Authenticated) -> Result<Json<Me>, Problem> {
    let account = identity.credentials().account(&caller.user).await.map_err(outcome::of_database)?;
    Ok(Json(Me {
        user_id: caller.user,
        scope: write_scope(caller.scope).split_whitespace().map(str::to_owned).collect(),
        session_id: caller.session,
        email: account.and_then(|account| account.email),
        expires_at: caller.expires_at,
    }))
}
