//! `GET /chat/admin/sagas/{sagaId}`

use axum::extract::State;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{SagaView, StepView};
use super::{Parts, SagaPath, audit, not_found, of_database};

/// The steps that are shown, the latest.
const STEPS_MAX: u32 = 1_000;

/// A saga with its steps.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SagaInFull {
    /// The saga.
    saga: SagaView,
    /// Its steps that are over, in order; of more than 1,000 the latest.
    steps: Vec<StepView>,
}

/// One saga with its steps: when, how often tried, what became of each, and what caused it.
#[utoipa::path(
    get, path = "/chat/admin/sagas/{sagaId}", tag = "operations", params(("sagaId" = uuid::Uuid, Path)),
    security(("bearer" = []), ("cookie" = [])), operation_id = "show_saga",
    responses((status = 200, body = SagaInFull), Problems)
)]
pub async fn show(
    State(parts): State<Parts>,
    Authenticated(caller): Authenticated,
    Path(SagaPath { saga_id }): Path<SagaPath>,
) -> Result<Json<SagaInFull>, Problem> {
    audit::administrator(&caller, "a saga", &saga_id.to_string())?;
    let saga = parts.state.find(&[saga_id]).await.map_err(of_database)?.pop().ok_or_else(not_found)?;
    let steps = parts.state.steps(saga_id, STEPS_MAX).await.map_err(of_database)?;
    let saga = SagaView::of(saga, parts.retry, parts.clock.now());
    Ok(Json(SagaInFull { saga, steps: steps.into_iter().map(StepView::from).collect() }))
}
