//! Health and metrics: what every internal listener offers. The gateway never routes here.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;

use super::Json;

/// Says what the service still waits for; nothing when it is ready.
pub type Waiting = Arc<dyn Fn() -> Vec<String> + Send + Sync>;
/// Renders all metrics in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    waiting_for: Vec<String>,
}

/// `GET /health/live`, `/health/ready` and `/metrics`.
pub fn internal_router(waiting: Waiting, metrics: Metrics) -> Router {
    Router::new()
        .route("/health/live", get(async || "live\n"))
        .route("/health/ready", get(async move || readiness(waiting())))
        .route(
            "/metrics",
            get(async move || {
                let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
                ([(header::CONTENT_TYPE, format)], metrics())
            }),
        )
}

fn readiness(waiting_for: Vec<String>) -> Response {
    let ready = waiting_for.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, waiting_for })).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        let ask = async |waiting: Vec<String>, path: &str| {
            let router = internal_router(Arc::new(move || waiting.clone()), Arc::new(|| "sarangbang_up 1\n".to_owned()));
            let response = router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            let status = response.status().as_u16();
            let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
            (status, String::from_utf8(body.to_vec()).unwrap())
        };
        let log = || vec!["the log".to_owned()];
        assert_eq!(ask(log(), "/health/ready").await, (503, r#"{"ready":false,"waitingFor":["the log"]}"#.to_owned()));
        assert_eq!(ask(vec![], "/health/ready").await.0, 200);
        assert_eq!(ask(log(), "/health/live").await.0, 200);
        assert_eq!(ask(log(), "/metrics").await.1, "sarangbang_up 1\n");
    }
}
