//! `POST /user/login`: signs in.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Timestamp, UserId};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::local::Local;
use super::{cookie, problem_of};
use crate::AuthApi;

/// Who signs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// The user id.
    #[schema(value_type = String, example = "alice")]
    user_id: UserId,
}

/// A token for clients that keep it themselves; browsers have it in the cookie too.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// Who signed in.
    #[schema(value_type = String)]
    user_id: UserId,
    /// For `Authorization: Bearer`.
    token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Signs in; 401 `sign-in-failed` where nobody is registered under the id.
#[utoipa::path(
    post, path = "/user/login", tag = "people", request_body = Login,
    responses((status = 200, description = "signed in; the cookie is set", body = SignedIn), Problems)
)]
pub async fn login(_: Local, State(api): State<AuthApi>, Json(Login { user_id }): Json<Login>) -> Result<Response, Problem> {
    if !api.people.is_active(&user_id).await.map_err(problem_of)? {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "sign-in-failed"));
    }
    let issued = api.sign_in(user_id.clone())?;
    let body = SignedIn { user_id, token: issued.token.0.to_string(), expires_at: issued.expires_at };
    let mut response = Json(body).into_response();
    cookie::set(&mut response, &issued.token, &api.options)?;
    Ok(response)
}
