//! RFC 9457 problem details: the one form of every error answer.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::Refusal;
use domain::command::RefusalKind;
use serde::Serialize;

pub use super::codes::{CODES, Code, find, markdown};
use super::trace;

/// What every `type` begins with.
const TYPE_PREFIX: &str = "urn:sarangbang:problem:";

/// An error as a client sees it. Internals never stand in it.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
}

/// What is wrong with one value of a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the value; empty for the whole body.
    pub pointer: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An error: RFC 9457 problem details.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
#[serde(rename_all = "camelCase")]
pub struct Body {
    /// `urn:sarangbang:problem:<code>`.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// A short summary, the same for all problems of a code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The stable code to branch on; `docs/problems.md` lists all.
    pub code: &'static str,
    /// What is wrong with which value of the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Finds the request in the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// A problem of `code`, which must stand in [`CODES`] with this status.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        debug_assert!(find(code).is_some_and(|row| row.status == status.as_u16()), "{code} with {status} is not in the table");
        Self { status, code, detail: None, errors: Vec::new(), retry_after: None }
    }

    /// The problem that a business "no" is.
    #[must_use]
    pub fn refused(refusal: &Refusal) -> Self {
        Self::new(status_of(refusal.kind()), refusal.code()).detail(refusal.to_string())
    }

    /// A defect on our side. Logs `cause`, which the client never sees.
    #[must_use]
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed by a defect of ours");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal-error")
    }

    /// Says what is wrong this time.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says what is wrong with which value of the body.
    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors;
        self
    }

    /// Says when to try again; rounded up to whole seconds, at least one.
    #[must_use]
    pub const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// One invalid value in an otherwise good body (422).
    #[must_use]
    pub fn value(pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        let error = FieldError { pointer: pointer.into(), reason: reason.into() };
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "value-invalid").detail(error.reason.clone()).errors(vec![error])
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

/// The one mapping of refusals to HTTP.
const fn status_of(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// The title of a code. The table has them all; the code itself is what remains to say where a test failed to find that it has not.
fn title_of(code: &str) -> &str {
    find(code).map_or(code, |row| row.title)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let needs_retry_after = matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let retry_after = self.retry_after.or_else(|| needs_retry_after.then_some(Duration::from_secs(1)));
        let body = Body {
            type_uri: format!("{TYPE_PREFIX}{}", self.code),
            title: title_of(self.code).to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            errors: self.errors,
            trace_id: trace::current().map(|context| context.trace_id()),
        };
        // A struct of strings always serialises; were it otherwise, the status alone would still be true.
        let bytes = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (self.status, bytes).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(after) = retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"sarangbang\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn json(response: Response) -> serde_json::Value {
        serde_json::from_slice(&axum::body::to_bytes(response.into_body(), 10_000).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn it_is_written_as_rfc_9457_says() {
        let response = Problem::value("/text", "it must not be empty").into_response();
        assert_eq!(response.status(), 422);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(
            json(response).await,
            serde_json::json!({
                "type": "urn:sarangbang:problem:value-invalid", "title": "Invalid value", "status": 422, "code": "value-invalid",
                "detail": "it must not be empty", "errors": [{"pointer": "/text", "reason": "it must not be empty"}],
            })
        );
    }

    #[test]
    fn try_again_later_always_says_when() {
        let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy").into_response();
        assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
        let limited = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited").retry_after(Duration::from_millis(2_100));
        assert_eq!(limited.into_response().headers()[header::RETRY_AFTER], "3");
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_own_code() {
        let response = Problem::refused(&Refusal::Room(domain::room::Refusal::RoomNotFound)).into_response();
        assert_eq!(response.status(), 404);
        let body = json(response).await;
        assert_eq!((&body["code"], &body["title"]), (&"room-not-found".into(), &"No such room".into()));
    }
}
