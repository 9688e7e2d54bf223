//! The routes by which other nodes of command-api ask this one, on the internal listener.

use std::sync::Arc;

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use domain::ids::PartitionId;
use infra::http::Authenticated;
use infra::tokens::Verifier;

use super::Cluster;
use super::question::{Asked, Denial, Question};
use crate::bus::Fault;

/// Where questions to an owner go.
pub const ASK_PATH: &str = "/internal/partitions/ask";
/// The most bytes of a forwarded question: a command with the most people and the longest text, in JSON.
const QUESTION_BYTES_MAX: usize = 1 << 20;

#[derive(Clone)]
struct Internal {
    cluster: Arc<Cluster>,
    verifier: Arc<Verifier>,
}

impl FromRef<Internal> for Arc<Verifier> {
    fn from_ref(state: &Internal) -> Self {
        Self::clone(&state.verifier)
    }
}

/// The internal routes of a node. The gateway never routes here.
pub fn router(cluster: Arc<Cluster>, verifier: Arc<Verifier>) -> Router {
    Router::new()
        .route(ASK_PATH, post(ask))
        .layer(axum::extract::DefaultBodyLimit::max(QUESTION_BYTES_MAX))
        .with_state(Internal { cluster, verifier })
}

/// Answers a forwarded question: with the caller's own token, whose authority is checked here again.
async fn ask(State(internal): State<Internal>, Authenticated(caller): Authenticated, Json(asked): Json<Asked>) -> Response {
    let Ok(partition) = asked.partition.parse::<PartitionId>() else { return StatusCode::BAD_REQUEST.into_response() };
    if let Question::Execute(command) = &asked.question
        && (command.authorise(&caller.user, caller.scope).is_err()
            || internal.cluster.partition_of(&command.stream) != partition
            || command.body.canonical_hash(&command.stream) != command.hash)
    {
        return denied(Fault::NotAllowed);
    }
    match internal.cluster.answer(partition, asked.question).await {
        Ok(reply) => Json(reply).into_response(),
        Err(fault) => denied(fault),
    }
}

fn denied(fault: Fault) -> Response {
    match Denial::of(fault) {
        Some(denial) => (StatusCode::CONFLICT, Json(denial)).into_response(),
        None => StatusCode::MISDIRECTED_REQUEST.into_response(),
    }
}
