//! `GET /chat/admin/sagas`

use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use domain::saga::SagaId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};
use infra::saga_state::{Filter, Progress, Saga};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::SagaView;
use super::{Parts, audit, of_database};

/// The rows of a page, at most, and unless the request says otherwise.
const LIMIT_MAX: u32 = 200;
const LIMIT: u32 = 50;

/// Which sagas.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// `registration`, `deactivation` or `direct-room`.
    kind: Option<String>,
    /// `running`, `resting`, `completed`, `compensated` or `aborted`.
    state: Option<String>,
    /// Whom it is about: a user id, or two with a colon between them.
    subject: Option<String>,
    /// Begun at least so many milliseconds ago.
    #[param(minimum = 0)]
    age_ms_min: Option<u32>,
    /// Those alone whose step has been under way for too long.
    #[serde(default)]
    stuck: bool,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A page of sagas, latest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sagas {
    /// The sagas.
    items: Vec<SagaView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Sagas, latest first. Those that are over are kept for 30 days.
#[utoipa::path(
    get, path = "/chat/admin/sagas", tag = "operations", params(Wanted), security(("bearer" = []), ("cookie" = [])),
    operation_id = "list_sagas", responses((status = 200, body = Sagas), Problems)
)]
pub async fn list(
    State(parts): State<Parts>,
    Authenticated(caller): Authenticated,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Sagas>, Problem> {
    audit::administrator(&caller, "sagas", wanted.subject.as_deref().unwrap_or_default())?;
    let limit = wanted.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(invalid("limit is 1 to 200"));
    }
    let after = wanted.cursor.as_deref().map(key).transpose()?;
    let now = parts.clock.now();
    let filter = filter(wanted, parts.retry.stuck_after_ms, now)?;
    let mut sagas = parts.state.list(&filter, after, limit + 1).await.map_err(of_database)?;
    let more = sagas.len() > limit as usize;
    sagas.truncate(limit as usize);
    let next = sagas.last().filter(|_| more).map(cursor);
    let items = sagas.into_iter().map(|saga| SagaView::of(saga, parts.retry, now)).collect();
    Ok(Json(Sagas { items, next }))
}

fn filter(wanted: Wanted, stuck_after_ms: u32, now: Timestamp) -> Result<Filter, Problem> {
    let ago = |ms: u32| now.saturating_add_millis(-i64::from(ms));
    Ok(Filter {
        kind: wanted.kind,
        progress: wanted.state.map(|state| state.parse::<Progress>()).transpose().map_err(|error| invalid(error.to_string()))?,
        subject: wanted.subject,
        begun_before: wanted.age_ms_min.map(ago),
        stuck_since: wanted.stuck.then(|| ago(stuck_after_ms)),
    })
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "query-invalid").detail(detail)
}

fn cursor(saga: &Saga) -> String {
    format!("{}.{}", saga.begun_at.as_millis(), saga.id)
}

fn key(cursor: &str) -> Result<(Timestamp, SagaId), Problem> {
    let parts = cursor.split_once('.');
    let key = parts.and_then(|(at, id)| Some((Timestamp::from_millis(at.parse().ok()?).ok()?, id.parse().ok()?)));
    key.ok_or_else(|| invalid("cursor is none that was given out"))
}
