//! `GET /chat/stats/rooms`: the rooms in which most was said.

use axum::extract::State;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query, ReadAfter};
use infra::search::Ranking;

use super::stats::{Asked, ranked};
use super::{Api, Fresh};
use crate::dto::Counts;

/// The rooms in which most was said, the highest first. Counted are messages that were sent, deleted ones too.
#[utoipa::path(
    get, path = "/chat/stats/rooms", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Asked, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Counts), Problems)
)]
pub(super) async fn stats_rooms(
    Authenticated(caller): Authenticated,
    State(api): State<Api>,
    Fresh(reading): Fresh,
    ReadAfter(tokens): ReadAfter,
    Query(asked): Query<Asked>,
) -> Result<Json<Counts>, Problem> {
    ranked(&api, &reading, &caller, &tokens, Ranking::Rooms, asked).await.map(Json)
}
