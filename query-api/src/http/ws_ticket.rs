//! `POST /chat/ws-ticket`: a one-time ticket for a socket.

use axum::extract::State;
use axum::http::StatusCode;
use domain::Timestamp;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;

/// A ticket.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ticket {
    /// What `GET /chat/ws?ticket=…` takes, once.
    ticket: Uuid,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Issues a ticket that opens one socket for the caller, on this node, within 30 seconds.
#[utoipa::path(
    post, path = "/chat/ws-ticket", tag = "live feed", security(("bearer" = []), ("cookie" = [])),
    responses((status = 201, body = Ticket), Problems)
)]
pub(super) async fn ws_ticket(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
) -> Result<(StatusCode, Json<Ticket>), Problem> {
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy").detail("too many tickets are open on this node");
    let (ticket, expires_at) = api.live.ticket(caller).ok_or_else(full)?;
    Ok((StatusCode::CREATED, Json(Ticket { ticket, expires_at })))
}
