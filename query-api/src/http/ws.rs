//! `GET /chat/ws`: the live feed. The frames are in [`crate::ws::frame`].

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{FromRequestParts, State, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Problem, Query};
use infra::tokens::Caller;
use serde::Deserialize;
use uuid::Uuid;

use super::Api;
use crate::ws::Full;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// A ticket of `POST /chat/ws-ticket`, in place of a token.
    ticket: Option<Uuid>,
}

/// Who opens the socket: by ticket, else as everywhere (Bearer, or the cookie from our own origin).
pub(super) struct Opener(Caller);

impl FromRequestParts<Api> for Opener {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Query(Parameters { ticket }) = Query::from_request_parts(parts, api).await?;
        let Some(ticket) = ticket else {
            return Authenticated::from_request_parts(parts, api).await.map(|Authenticated(caller)| Self(caller));
        };
        let refused = || Problem::new(StatusCode::UNAUTHORIZED, "token-invalid").detail("the ticket is unknown, used, or over");
        api.live.redeem(ticket).map(Self).ok_or_else(refused)
    }
}

/// Opens the live feed: a WebSocket of JSON text frames.
#[utoipa::path(
    get, path = "/chat/ws", tag = "live feed", security(("bearer" = []), ("cookie" = []), ()),
    params(Parameters),
    responses((status = 101, description = "the protocol is in `/asyncapi.json`"), Problems)
)]
pub(super) async fn ws(
    State(api): State<Api>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
    Opener(caller): Opener,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail(format!("no WebSocket handshake: {rejection}"))
    })?;
    let place = api.live.admit(&caller).map_err(|full| match full {
        Full::Node => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy").detail("this node has as many sockets as it may"),
        Full::Person => Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited").detail("you have as many sockets as you may"),
    })?;
    Ok(api.live.upgrade(upgrade, caller, place))
}
