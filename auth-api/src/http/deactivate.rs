//! `DELETE /user/me`: leaves for good, by a saga.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::saga::{DeactivationRequested, Envelope, Message, SagaId};
use infra::credentials::{AuditEvent, Entry, Outgoing, StateChange, Which};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, trace};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{cookies, password};
use crate::address::ClientAddress;
use crate::passwords::Password;
use crate::{Identity, log_line, outcome};

/// Somebody leaves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deactivate {
    /// The password: an open browser is not enough for what cannot be taken back.
    password: Password,
}

/// Closes the caller's account for good: all sessions end and the credentials are gone when it answers; rooms are left soon after.
/// The id stays taken.
#[utoipa::path(
    delete, path = "/user/me", tag = "people", request_body = Deactivate, security(("bearer" = []), ("cookie" = [])),
    responses((status = 202, description = "closed; rooms are being left"), Problems)
)]
pub async fn deactivate(
    State(identity): State<Identity>,
    ClientAddress(address): ClientAddress,
    Authenticated(caller): Authenticated,
    Json(Deactivate { password }): Json<Deactivate>,
) -> Result<Response, Problem> {
    let account = password::confirm(&identity, &caller.user, &address, password).await?;
    let user = account.user;
    let ended = identity.ended(Which::All);
    let message = Envelope {
        saga: SagaId::of_deactivation(&user),
        time: ended.at,
        causation_id: None,
        traceparent: trace::current().map(|context| context.to_string()),
        message: Message::DeactivationRequested(DeactivationRequested { user_id: user.clone() }),
    };
    let change = StateChange::Deactivate(ended, Outgoing::from(&message));
    let entry = Entry::new(AuditEvent::AccountDeactivated, Some(user.clone()), ended.at);
    let entry = Entry { session: caller.session, address: Some(address), ..entry };
    if identity.credentials().change_state(&user, &change, &entry).await.map_err(outcome::of_database)? {
        log_line(&entry);
        identity.0.outbox.notify_one();
    }
    let mut response = StatusCode::ACCEPTED.into_response();
    cookies::clear(&mut response, &identity.0.options)?;
    Ok(response)
}
