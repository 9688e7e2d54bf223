//! A handler of axum that verifies the token and produces, nothing else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use infra::tokens::Verifier;
use tokio::task::JoinHandle;

use super::kafka::BareProducer;
use crate::load::Operation;

#[derive(Clone)]
struct Bare {
    verifier: Arc<Verifier>,
    producer: Arc<BareProducer>,
    next: Arc<AtomicUsize>,
}

/// Serves it on a free port.
///
/// # Errors
/// When no port is free.
pub async fn serve(verifier: Arc<Verifier>, producer: Arc<BareProducer>) -> Result<(SocketAddr, JoinHandle<()>)> {
    let router = Router::new().route("/chat/rooms/{room}/messages", post(handle));
    let router = router.with_state(Bare { verifier, producer, next: Arc::default() });
    crate::rows::http::listen(router).await
}

async fn handle(State(bare): State<Bare>, headers: HeaderMap, _body: Bytes) -> StatusCode {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    if token.is_none_or(|token| bare.verifier.verify(token).is_err()) {
        return StatusCode::UNAUTHORIZED;
    }
    match bare.producer.run(bare.next.fetch_add(1, Ordering::Relaxed)).await {
        Ok(()) => StatusCode::CREATED,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
