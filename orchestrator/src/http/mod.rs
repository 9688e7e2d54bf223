//! Sagas as administrators watch them: `/chat/admin/sagas`. What is seen here is what is stored; what is changed here is changed under the
//! same revisions as by a worker.

mod audit;
mod change;
mod list;
mod show;
mod view;

use std::sync::Arc;

use axum::extract::FromRef;
use axum::http::StatusCode;
use domain::saga::{Retry, SagaId};
use infra::clock::Clock;
use infra::http::Problem;
use infra::saga_state::{Fault, SagaState};
use infra::tokens::Verifier;
use serde::Deserialize;
use tokio::sync::Notify;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the routes work with.
#[derive(Clone)]
pub struct Parts {
    /// Where sagas are kept.
    pub state: Arc<dyn SagaState>,
    /// Knows whose token is good.
    pub verifier: Arc<Verifier>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Rung when somebody wants a step tried now.
    pub due: Arc<Notify>,
    /// When a step counts as stuck.
    pub retry: Retry,
}

impl FromRef<Parts> for Arc<Verifier> {
    fn from_ref(parts: &Parts) -> Self {
        Self::clone(&parts.verifier)
    }
}

/// `…/{sagaId}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SagaPath {
    saga_id: SagaId,
}

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Sarangbang: sagas", description = "What takes several steps in several services, for administrators."))]
struct Document;

fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(list::list))
        .routes(routes!(show::show))
        .routes(routes!(change::retry))
        .routes(routes!(change::abort))
}

/// The routes for administrators.
pub fn router(parts: Parts) -> axum::Router {
    routes().split_for_parts().0.with_state(parts)
}

/// Their OpenAPI document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(routes().into_openapi())
}

/// The database fails.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` takes")]
fn of_database(fault: Fault) -> Problem {
    match fault {
        Fault::Unavailable(_) => {
            tracing::warn!(%fault, "a question about sagas cannot be answered");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service-unavailable")
        }
        Fault::SagaChanged(_) => Problem::new(StatusCode::CONFLICT, "saga-busy"),
        Fault::CheckpointMoved(_) | Fault::Rejected(_) => Problem::internal(&fault),
    }
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "saga-not-found")
}
