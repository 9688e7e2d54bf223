//! The operations over HTTP, for the command-line tools and for services of ours. They belong on the internal listener and nowhere
//! else: whoever reaches them may do all of it.
//!
//! Every request that changes something carries a JSON body, so that no page in a browser on the same machine can send it without
//! being asked by the browser first.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use infra::http::{Json, Path, Problem, Query};
use serde::Deserialize;

use crate::operations::{Error, Operations, Projection, Shown};
use crate::parked::Listed;
use crate::{Fault, Refusal};

/// Parked events in one answer, at most, and unless the request says otherwise.
const LISTED_MAX: u32 = 1_000;
const LISTED: u32 = 100;

/// The routes under `/projections` and `/parked`.
pub fn internal_router(operations: Operations) -> Router {
    Router::new()
        .route("/projections", get(projections))
        .route("/projections/{name}", get(projection))
        .route("/projections/{name}/{step}", post(take_step))
        .route("/parked", get(parked))
        .route("/parked/{event}", get(parked_event))
        .route("/parked/{event}/{step}", post(deal_with))
        .with_state(operations)
}

/// Who asks, and for what exactly.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    /// A name for the logs and the topic `parked`.
    by: String,
    /// `rebuild`: whether readers change over by themselves once it is verified; yes unless said otherwise.
    #[serde(default = "yes")]
    switch: bool,
    /// `switch`: whether to accept whatever differs.
    #[serde(default)]
    despite_differences: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<u32>,
}

type Answer<T> = Result<Json<T>, Problem>;

async fn projections(State(operations): State<Operations>) -> Answer<Vec<Projection>> {
    Ok(Json(operations.projections().await.map_err(problem)?))
}

async fn projection(State(operations): State<Operations>, Path(name): Path<String>) -> Answer<Projection> {
    Ok(Json(operations.projection(&name).await.map_err(problem)?))
}

async fn take_step(
    State(operations): State<Operations>,
    Path((name, step)): Path<(String, String)>,
    Json(request): Json<Request>,
) -> Answer<Projection> {
    let by = &*request.by;
    let taken = match step.as_str() {
        "rebuild" => operations.rebuild(&name, request.switch, by).await,
        "pause" => operations.pause(&name, by).await,
        "resume" => operations.resume(&name, by).await,
        "abandon" => operations.abandon(&name, by).await,
        "switch" => operations.switch(&name, request.despite_differences, by).await,
        "switch-back" => operations.switch_back(&name, by).await,
        "drop-old" => operations.drop_old(&name, by).await,
        _ => return Err(Problem::new(StatusCode::NOT_FOUND, "route-not-found")),
    };
    taken.map_err(problem)?;
    projection(State(operations), Path(name)).await
}

async fn parked(State(operations): State<Operations>, Query(Limit { limit }): Query<Limit>) -> Answer<Listed> {
    let limit = limit.unwrap_or(LISTED).min(LISTED_MAX);
    Ok(Json(operations.parked(limit as usize).await.map_err(problem)?))
}

async fn parked_event(State(operations): State<Operations>, Path(event): Path<String>) -> Answer<Shown> {
    Ok(Json(operations.parked_event(&event).await.map_err(problem)?))
}

async fn deal_with(
    State(operations): State<Operations>,
    Path((event, step)): Path<(String, String)>,
    Json(request): Json<Request>,
) -> Result<StatusCode, Problem> {
    let dealt_with = match step.as_str() {
        "retry" => operations.retry(&event, &request.by).await,
        "discard" => operations.discard(&event, &request.by).await,
        _ => return Err(Problem::new(StatusCode::NOT_FOUND, "route-not-found")),
    };
    dealt_with.map(|()| StatusCode::NO_CONTENT).map_err(problem)
}

fn problem(error: Error) -> Problem {
    match error {
        Error::Refused(refusal) => {
            let (status, code) = match &refusal {
                Refusal::UnknownProjection(_) => (StatusCode::NOT_FOUND, "projection-not-found"),
                Refusal::NotParked(_) => (StatusCode::NOT_FOUND, "parked-event-not-found"),
                Refusal::UnderWay(_) => (StatusCode::CONFLICT, "rebuild-under-way"),
                Refusal::OldKept(_) => (StatusCode::CONFLICT, "old-generation-kept"),
                Refusal::NoRebuild => (StatusCode::CONFLICT, "no-rebuild"),
                Refusal::NoOld => (StatusCode::CONFLICT, "no-old-generation"),
                Refusal::Differs(_) => (StatusCode::CONFLICT, "generations-differ"),
                Refusal::Verifying => (StatusCode::CONFLICT, "rebuild-verifying"),
                Refusal::NoSearch => (StatusCode::NOT_FOUND, "search-off"),
                Refusal::StillRefused(_) => (StatusCode::CONFLICT, "event-still-refused"),
            };
            Problem::new(status, code).detail(refusal.to_string())
        }
        Error::Fault(fault) => {
            tracing::warn!(%fault, "an operator's request failed");
            let code = if matches!(fault, Fault::Log(_)) { "log-unavailable" } else { "service-unavailable" };
            // Who asks here is an operator, and wants to know.
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, code).detail(fault.to_string())
        }
    }
}
