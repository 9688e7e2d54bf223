//! What every HTTP service does around its routes: trace id, metrics, limits, and no answer without a form.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;

use super::client::ClientAddress;
use super::{Problem, trace};

/// The header that tells the trace id to the caller.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Bounds of one HTTP listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a request may take until its answer begins. A WebSocket's answer begins at once.
    pub request_duration_max: Duration,
    /// How many requests may be in progress; more are answered 503.
    pub requests_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request_duration_max: Duration::from_secs(30), requests_max: 4096 }
    }
}

/// Wraps `router` in the shared layers. Call it last, once per listener, on the merged routers of all services there.
pub fn shared(router: Router, limits: Limits) -> Router {
    let guard = Guard { permits: Arc::new(Semaphore::new(limits.requests_max)), duration_max: limits.request_duration_max };
    // The last layer is the outermost: every answer, also to a panic or a time-out, is seen by `observe`.
    router.layer(CatchPanicLayer::custom(panicked)).layer(from_fn_with_state(guard, bound)).layer(from_fn(observe))
}

/// [`shared`], with problems as the answer to unknown paths and methods: for the one router that `server` serves.
pub fn complete(router: Router, limits: Limits) -> Router {
    shared(router.fallback(route_not_found).method_not_allowed_fallback(method_not_allowed), limits)
}

/// The answer where there is no such path.
pub async fn route_not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "route-not-found")
}

/// The answer where the path is there, but not with this method. axum adds `Allow`.
pub async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
}

#[derive(Clone)]
struct Guard {
    permits: Arc<Semaphore>,
    duration_max: Duration,
}

/// Bounds how many requests are in progress, and how long each takes.
async fn bound(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let Ok(_permit) = guard.permits.try_acquire() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded").into_response();
    };
    match tokio::time::timeout(guard.duration_max, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timed-out").into_response(),
    }
}

/// Gives the request its trace id and its span, counts it, and sets the headers that every answer has.
async fn observe(request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let context = trace::Context::of_request(request.headers());
    // Labels must be bounded: the matched pattern, never the path; the known methods, never what a client invents.
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = method_label(request.method());
    let client = ClientAddress::of(request.extensions(), request.headers());
    let span = tracing::info_span!("http.request", method, route, trace_id = context.trace_id());

    let mut response = trace::within(context, next.run(request).instrument(span.clone())).await;

    let status = response.status().as_u16();
    let seconds = begin.elapsed().as_secs_f64();
    metrics::counter!("sarangbang_http_requests_total", "method" => method, "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    metrics::histogram!("sarangbang_http_request_seconds", "method" => method, "route" => route).record(seconds);
    span.in_scope(|| tracing::debug!(status, seconds, %client, "answered"));

    let headers = response.headers_mut();
    // Answers of the API belong to one person; what may be cached (assets) says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&context.trace_id()) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A panic is a defect of one request, never the end of the server, and never told to the client.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let cause = cause
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| cause.downcast_ref::<&'static str>().copied())
        .unwrap_or("a panic without a message");
    metrics::counter!("sarangbang_http_panics_total").increment(1);
    Problem::internal(&cause).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::*;

    fn router() -> Router {
        let router = Router::new()
            .route("/good", get(async || "good"))
            .route("/panic", get(async || -> &'static str { panic!("a secret") }))
            .route("/slow", get(std::future::pending::<&'static str>));
        complete(router, Limits { request_duration_max: Duration::from_millis(20), requests_max: 1 })
    }

    async fn ask(router: &Router, method: &str, path: &str) -> (u16, axum::http::HeaderMap, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .body(Body::empty())
            .unwrap();
        let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, 10_000).await.unwrap();
        (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn every_answer_has_its_headers_and_every_problem_its_trace_id() {
        for (method, path, status, code) in [
            ("GET", "/none", 404, "route-not-found"),
            ("POST", "/good", 405, "method-not-allowed"),
            ("GET", "/panic", 500, "internal-error"),
            ("GET", "/slow", 503, "timed-out"),
        ] {
            let (got, headers, body) = ask(&router(), method, path).await;
            assert_eq!((got, headers["x-request-id"].to_str().unwrap()), (status, "4bf92f3577b34da6a3ce929d0e0e4736"), "{path}");
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!((&body["code"], &body["traceId"]), (&code.into(), &"4bf92f3577b34da6a3ce929d0e0e4736".into()));
            assert!(!body.to_string().contains("secret"));
            assert_eq!(headers.contains_key(header::ALLOW), status == 405);
        }
        assert_eq!(ask(&router(), "GET", "/good").await.2, "good");
    }

    #[tokio::test]
    async fn more_requests_than_the_limit_are_turned_away_at_once() {
        let router = router();
        let (slow, refused) = tokio::join!(ask(&router, "GET", "/slow"), ask(&router, "GET", "/good"));
        assert_eq!((slow.0, refused.0), (503, 503));
        assert!(slow.2.contains("timed-out") && refused.2.contains("overloaded"));
        assert_eq!(ask(&router, "GET", "/good").await.0, 200, "the permit came back");
    }
}
