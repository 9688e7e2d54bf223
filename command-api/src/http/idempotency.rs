//! The header `Idempotency-Key`: the id of the command, chosen by the client or else by us, and in every answer.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
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
    let id = match given(request.headers()) {
        Ok(Some(id)) => id,
        Err(problem) => return problem.into_response(),
        Ok(None) => CommandId::from_uuid(infra::random::uuid_v7()),
    };
    request.extensions_mut().insert(id);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(IDEMPOTENCY_KEY, value);
    }
    response
}

/// The id that came with the request, if one did. Two of them would be two commands.
fn given(headers: &HeaderMap) -> Result<Option<CommandId>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(bad("Idempotency-Key may come once"));
    }
    parse(value).map(Some).ok_or_else(|| bad("Idempotency-Key is a UUID; version 7 is protected best"))
}

/// 400: such an id is not taken.
pub fn bad(why: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail(why)
}

/// A UUID in its usual form of 36 characters.
fn parse(value: &HeaderValue) -> Option<CommandId> {
    let usual = value.to_str().ok().filter(|raw| raw.len() == 36);
    usual.and_then(|raw| Uuid::try_parse(raw).ok()).filter(|id| !id.is_nil()).map(CommandId::from_uuid)
}
