//! `GET /user/me`: who is signed in.

use axum::extract::State;
use domain::{Timestamp, UserId};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json};
use infra::tokens::write_scope;
use serde::Serialize;
use utoipa::ToSchema;

use super::local::Local;
use crate::AuthApi;

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    /// The user id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// What the token allows beyond acting as that person.
    scope: Vec<String>,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Says who is signed in.
#[utoipa::path(get, path = "/user/me", tag = "people", security(("bearer" = []), ("cookie" = [])), responses((status = 200, body = Me), Problems))]
pub async fn me(_: Local, State(_api): State<AuthApi>, Authenticated(caller): Authenticated) -> Json<Me> {
    let scope = write_scope(caller.scope).split_whitespace().map(str::to_owned).collect();
    Json(Me { user_id: caller.user, scope, expires_at: caller.expires_at })
}
