//! `GET /chat/stats/people`: who said most.

use axum::extract::State;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query, ReadAfter};
use infra::search::Ranking;

use super::stats::{Asked, ranked};
use super::{Api, Fresh};
use crate::dto::Counts;

/// Who said most, the highest first. Counted are messages that were sent, deleted ones too.
#[utoipa::path(
    get, path = "/chat/stats/people", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Asked, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Counts), Problems)
)]
pub(super) async fn stats_people(
    Authenticated(caller): Authenticated,
    State(api): State<Api>,
    Fresh(reading): Fresh,
    ReadAfter(tokens): ReadAfter,
    Query(asked): Query<Asked>,
) -> Result<Json<Counts>, Problem> {
    ranked(&api, &reading, &caller, &tokens, Ranking::People, asked).await.map(Json)
}
