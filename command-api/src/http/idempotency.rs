//! The header `Idempotency-Key`: the id of the command, chosen by the client or else by us, and in every answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::CommandId;
use infra::http::Problem;
use uuid::Uuid;

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What went wrong where a route has no id: it was mounted without [`layer`].
pub const MISSING: &str = "the route is not wrapped in the idempotency layer";

/// Gives the request its command id. It stands in every answer, problems too: who learns that the outcome is not known needs it to
/// ask again.
pub async fn layer(mut request: Request, next: Next) -> Response {
    let id = match request.headers().get(IDEMPOTENCY_KEY).map(parse) {
        Some(Ok(id)) => id,
        Some(Err(problem)) => return problem.into_response(),
        None => CommandId::from_uuid(infra::random::uuid_v7()),
    };
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(IDEMPOTENCY_KEY, value);
    }
    response
}

/// A UUID in its usual form of 36 characters.
fn parse(value: &HeaderValue) -> Result<CommandId, Problem> {
    let usual = value.to_str().ok().filter(|raw| raw.len() == 36);
    usual.and_then(|raw| Uuid::try_parse(raw).ok()).filter(|id| !id.is_nil()).map(CommandId::from_uuid).ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail("Idempotency-Key is a UUID; version 7 is protected best")
    })
}
