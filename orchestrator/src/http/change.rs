//! `POST /chat/admin/sagas/{sagaId}/retry` and `…/abort`

use axum::extract::State;
use axum::http::StatusCode;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};

use super::view::SagaView;
use super::{Parts, SagaPath, audit, not_found, of_database};
use crate::run::Run;

/// Tries the step under way now instead of after its pause, with the command id that it always had.
#[utoipa::path(
    post, path = "/chat/admin/sagas/{sagaId}/retry", tag = "operations", params(("sagaId" = uuid::Uuid, Path)),
    security(("bearer" = []), ("cookie" = [])), operation_id = "retry_saga",
    responses((status = 200, body = SagaView), Problems)
)]
pub async fn retry(
    State(parts): State<Parts>,
    Authenticated(caller): Authenticated,
    Path(SagaPath { saga_id }): Path<SagaPath>,
) -> Result<Json<SagaView>, Problem> {
    audit::administrator(&caller, "retry of a saga", &saga_id.to_string())?;
    let run = read(&parts, saga_id).await?;
    if run.saga.due_at.is_none() {
        return Err(Problem::new(StatusCode::CONFLICT, "saga-idle"));
    }
    store(&parts, run.retried(parts.clock.now())).await
}

/// Gives up on a saga and takes back what it has begun. Only while nothing that was tried may turn out later to have happened.
#[utoipa::path(
    post, path = "/chat/admin/sagas/{sagaId}/abort", tag = "operations", params(("sagaId" = uuid::Uuid, Path)),
    security(("bearer" = []), ("cookie" = [])), operation_id = "abort_saga",
    responses((status = 200, body = SagaView), Problems)
)]
pub async fn abort(
    State(parts): State<Parts>,
    Authenticated(caller): Authenticated,
    Path(SagaPath { saga_id }): Path<SagaPath>,
) -> Result<Json<SagaView>, Problem> {
    audit::administrator(&caller, "abort of a saga", &saga_id.to_string())?;
    let run = read(&parts, saga_id).await?;
    if !run.may_be_aborted() {
        return Err(Problem::new(StatusCode::CONFLICT, "saga-not-abortable"));
    }
    store(&parts, run.aborted(parts.clock.now())).await
}

async fn read(parts: &Parts, saga: domain::saga::SagaId) -> Result<Run, Problem> {
    let saga = parts.state.find(&[saga]).await.map_err(of_database)?.pop().ok_or_else(not_found)?;
    Run::read(saga).map_err(|error| Problem::internal(&error))
}

async fn store(parts: &Parts, run: Run) -> Result<Json<SagaView>, Problem> {
    let saga = parts.state.put(run.saga, None).await.map_err(of_database)?;
    parts.due.notify_one();
    Ok(Json(SagaView::of(saga, parts.retry, parts.clock.now())))
}
