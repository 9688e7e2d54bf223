//! `POST /user`: registers somebody.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::text::UserName;
use domain::{CommandId, UserId};
use infra::http::openapi::Problems;
use infra::http::read_token::READ_TOKEN;
use infra::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::local::Local;
use super::problem_of;
use crate::AuthApi;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A person to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Register {
    /// The permanent id.
    #[schema(value_type = String, example = "alice")]
    user_id: UserId,
    /// The display name, 1–80 characters; the user id where it is left out.
    #[schema(value_type = Option<String>)]
    user_name: Option<UserName>,
}

/// A person who was registered.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The permanent id, normalised.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The display name.
    #[schema(value_type = String)]
    user_name: UserName,
}

/// Registers somebody; 409 `user-exists` where the id is taken. Does not sign in.
#[utoipa::path(
    post, path = "/user", tag = "people", request_body = Register,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header, description = "the same key again has the same outcome")),
    responses((status = 201, body = Registered), Problems)
)]
pub async fn register(
    _: Local,
    State(api): State<AuthApi>,
    headers: HeaderMap,
    Json(body): Json<Register>,
) -> Result<Response, Problem> {
    let key = key(&headers)?;
    let user_name = match body.user_name {
        Some(name) => name,
        // An id is shorter than a name may be and has no character that a name may not have.
        None => UserName::parse(body.user_id.as_str()).map_err(|error| Problem::value("/userId", error.to_string()))?,
    };
    // The command's id is derived from the registration's, as that of a saga's step will be.
    let id = CommandId::derived(&key.to_string(), "register");
    let registered = api.people.register(id, &body.user_id, &user_name).await.map_err(problem_of)?;
    let mut response = (StatusCode::CREATED, Json(Registered { user_id: body.user_id, user_name })).into_response();
    let headers = response.headers_mut();
    headers.insert(header::LOCATION, HeaderValue::from_static("/user/me"));
    for (name, value) in [(IDEMPOTENCY_KEY, Some(key.to_string())), (HeaderName::from_static(READ_TOKEN), registered.read_token)]
    {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// The client's key, or a fresh one.
fn key(headers: &HeaderMap) -> Result<Uuid, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(infra::random::uuid_v7()) };
    let key = value.to_str().ok().filter(|raw| raw.len() == 36).and_then(|raw| Uuid::try_parse(raw).ok());
    key.ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail("Idempotency-Key is a UUID"))
}
