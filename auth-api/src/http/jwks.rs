//! `GET /user/.well-known/jwks.json`: the public keys that everybody verifies tokens with.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use infra::http::Json;

use crate::Identity;

/// How long others may keep the keys without asking again: less than a key is known before it signs.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// The keys (RFC 7517). Public: other nodes fetch it.
#[utoipa::path(get, path = "/user/.well-known/jwks.json", tag = "people", responses((status = 200, description = "a JWK set (RFC 7517)", body = serde_json::Value)))]
pub async fn jwks(State(identity): State<Identity>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, CACHE_CONTROL)], Json(identity.0.keyring.jwks()))
}
