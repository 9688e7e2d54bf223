//! `GET /user/registrations/{id}` and `…/events`: how a registration stands.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use domain::UserId;
use domain::saga::SagaId;
use futures_util::Stream;
use infra::credentials::{Progress, Registration};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Identity, outcome};

/// How often the database is asked without having been told: another node may have learnt it.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long a stream lasts at most; who still wants to know asks again.
const STREAM_MAX: Duration = Duration::from_secs(120);

/// A registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationView {
    /// Its id.
    id: Uuid,
    /// Who is to be registered.
    #[schema(value_type = String)]
    user_id: UserId,
    /// `pending`, `registered` or `refused`.
    state: &'static str,
    /// Why it was refused: a code such as `user-exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Registration> for RegistrationView {
    fn from(registration: Registration) -> Self {
        Self {
            id: registration.saga.as_uuid(),
            user_id: registration.user,
            state: registration.progress.word(),
            reason: registration.reason.map(String::from),
        }
    }
}

/// How a registration stands; a day after its end it is forgotten.
#[utoipa::path(
    get, path = "/user/registrations/{id}", tag = "people", params(("id" = Uuid, Path)),
    responses((status = 200, body = RegistrationView), Problems)
)]
pub async fn registration(State(identity): State<Identity>, Path(id): Path<Uuid>) -> Result<Json<RegistrationView>, Problem> {
    look(&identity, SagaId::from_uuid(id)).await.map(|found| Json(found.into()))
}

/// The same as server-sent events, one named `state` for each change; the stream ends with the registration.
#[utoipa::path(
    get, path = "/user/registrations/{id}/events", tag = "people", params(("id" = Uuid, Path)),
    responses((status = 200, description = "events named `state`", content_type = "text/event-stream"), Problems)
)]
pub async fn events(
    State(identity): State<Identity>,
    Path(id): Path<Uuid>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let full = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy").detail("too many registrations are being watched");
    let permit = Arc::clone(&identity.0.streams).try_acquire_owned().map_err(full)?;
    let first = look(&identity, SagaId::from_uuid(id)).await?;
    let watching = Watching { identity, first: Some(first), told: None, until: Instant::now() + STREAM_MAX, _permit: permit };
    let stream = futures_util::stream::unfold(watching, |mut watching| async move {
        let found = match watching.told.take() {
            None => watching.first.take()?,
            Some(told) => watching.change(told).await?,
        };
        watching.told = Some(found.clone());
        let event = Event::default().event("state").json_data(RegistrationView::from(found)).ok()?;
        Some((Ok(event), watching))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Watching {
    identity: Identity,
    /// What is told at once.
    first: Option<Registration>,
    /// What was told last.
    told: Option<Registration>,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Watching {
    /// The next state; nothing when there is none, none came in time, or the database fails.
    async fn change(&self, from: Registration) -> Option<Registration> {
        if from.progress != Progress::Pending {
            return None;
        }
        let found = wait(&self.identity, from, self.until).await.ok()?;
        (found.progress != Progress::Pending).then_some(found)
    }
}

/// Waits a bounded time for a pending registration to be decided.
pub async fn settled(identity: &Identity, registration: Registration) -> Result<Registration, Problem> {
    wait(identity, registration, Instant::now() + identity.0.options.registration_wait_max).await
}

async fn wait(identity: &Identity, mut registration: Registration, until: Instant) -> Result<Registration, Problem> {
    while registration.progress == Progress::Pending {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            break;
        }
        // Told or not, the database says how it stands: somebody else's registration may have rung.
        let _ = timeout(rest.min(LOOK_INTERVAL), identity.0.learnt.notified()).await;
        registration = look(identity, registration.saga).await?;
    }
    Ok(registration)
}

async fn look(identity: &Identity, saga: SagaId) -> Result<Registration, Problem> {
    let found = identity.credentials().registration(saga).await.map_err(outcome::of_database)?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "registration-not-found"))
}
