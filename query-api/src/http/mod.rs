//! The queries over HTTP, one file each.
//!
//! Every handler takes [`infra::http::Authenticated`] first, then [`Fresh`]: who is not signed in makes nobody wait.
//! `Fresh` brings the read model along; there is no other way to it, so that an answer comes from one generation.

mod blocks;
mod friends;
mod members;
mod mentions;
mod message;
mod messages;
mod page;
mod person;
mod room;
mod rooms_mine;
mod rooms_public;
mod search;
mod stats;
mod stats_people;
mod stats_rooms;
mod stats_series;
mod stats_words;
mod ws;
mod ws_ticket;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, get, post};
use domain::{RoomId, UserId};
use infra::http::{Problem, ReadAfter};
use infra::log::Topic;
use infra::read_model::{Fault, RoomView};
use infra::tokens::Verifier;
use tokio::time::Instant;
use utoipa::OpenApi;

use crate::progress::{Behind, WAIT_MAX};
use crate::reading::Reading;
use crate::{QueryApi, access};

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Api(Arc<QueryApi>);

impl FromRef<Api> for Arc<Verifier> {
    fn from_ref(api: &Api) -> Self {
        api.0.verifier.clone()
    }
}

impl std::ops::Deref for Api {
    type Target = QueryApi;
    fn deref(&self) -> &QueryApi {
        &self.0
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Sarangbang: queries", description = "What people may read. Writes are in the command API."),
    paths(
        person::person,
        friends::friends,
        blocks::blocks,
        rooms_mine::rooms_mine,
        rooms_public::rooms_public,
        room::room,
        members::members,
        messages::messages,
        message::message,
        mentions::mentions,
        search::search,
        stats_series::stats_series,
        stats_words::stats_words,
        stats_rooms::stats_rooms,
        stats_people::stats_people,
        ws_ticket::ws_ticket,
        ws::ws,
    ),
    tags(
        (name = "queries", description = "Reads. Each takes `Read-After` with the read tokens of one's own commands, to see them."),
        (name = "live feed", description = "What happens, as it happens."),
    )
)]
struct Document;

/// The OpenAPI document of the routes of this crate.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(Document::openapi())
}

/// Every route: the router is made from this table, and a test holds the document against it.
fn routes() -> Vec<(&'static str, MethodRouter<Api>)> {
    vec![
        ("/chat/people/{userId}", get(person::person)),
        ("/chat/friends", get(friends::friends)),
        ("/chat/blocks", get(blocks::blocks)),
        ("/chat/rooms", get(rooms_mine::rooms_mine)),
        ("/chat/rooms/public", get(rooms_public::rooms_public)),
        ("/chat/rooms/{roomId}", get(room::room)),
        ("/chat/rooms/{roomId}/members", get(members::members)),
        ("/chat/rooms/{roomId}/messages", get(messages::messages)),
        ("/chat/rooms/{roomId}/messages/{number}", get(message::message)),
        ("/chat/mentions", get(mentions::mentions)),
        ("/chat/search", get(search::search)),
        ("/chat/stats/series", get(stats_series::stats_series)),
        ("/chat/stats/words", get(stats_words::stats_words)),
        ("/chat/stats/rooms", get(stats_rooms::stats_rooms)),
        ("/chat/stats/people", get(stats_people::stats_people)),
        ("/chat/ws-ticket", post(ws_ticket::ws_ticket)),
        ("/chat/ws", get(ws::ws)),
    ]
}

/// The routes of this crate, without the layers that `server` puts around all services.
pub fn router(api: Arc<QueryApi>) -> Router {
    routes().into_iter().fold(Router::new(), |router, (path, handlers)| router.route(path, handlers)).with_state(Api(api))
}

/// What the answer is to be made from, which holds what `Read-After` asks for: 400 for a partition that does not exist, 503 when it
/// does not come that far in time.
pub(crate) struct Fresh(Arc<Reading>);

impl FromRequestParts<Api> for Fresh {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let ReadAfter(tokens) = ReadAfter::from_request_parts(parts, api).await?;
        for token in &tokens {
            if token.partition >= api.log.partitions(Topic::from(token.topic)).get() {
                let detail = format!("Read-After: there is no partition {}", token.partition);
                return Err(Problem::new(StatusCode::BAD_REQUEST, "header-invalid").detail(detail));
            }
        }
        let reading = api.readings.now().map_err(|fault| unavailable(&fault))?;
        let deadline = Instant::now() + WAIT_MAX;
        for token in tokens {
            let reached = reading.progress.reached(token.topic, token.partition, token.sequence, deadline).await;
            reached.map_err(behind)?;
        }
        Ok(Self(reading))
    }
}

fn behind(behind: Behind) -> Problem {
    metrics::counter!("sarangbang_queries_behind_total").increment(1);
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "read-model-behind").detail(behind.to_string())
}

/// The room, if the caller may read it; else 404, whether it exists or not.
async fn readable_room(reading: &Reading, room: RoomId, viewer: &UserId) -> Result<RoomView, Problem> {
    let view = reading.timeline.room_for(room, viewer).await.map_err(|fault| unavailable(&fault))?;
    view.filter(access::may_read).ok_or_else(|| not_found("room-not-found", "there is no such room"))
}

fn not_found(code: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, code).detail(detail)
}

/// The read model cannot answer: logged here, once.
fn unavailable(fault: &Fault) -> Problem {
    tracing::warn!(%fault, "a query failed because the read model cannot be read");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service-unavailable").detail("the read model cannot be read at present")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_has_exactly_the_routes() {
        let documented: BTreeSet<String> = openapi().paths.paths.into_keys().collect();
        let routed: BTreeSet<String> = routes().into_iter().map(|(path, _)| path.to_owned()).collect();
        assert_eq!(documented, routed);
    }
}
