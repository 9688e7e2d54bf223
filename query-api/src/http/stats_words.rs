//! `GET /chat/stats/words`: the words that most messages hold.

use axum::extract::State;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query, ReadAfter};
use infra::search::Ranking;

use super::stats::{Asked, ranked};
use super::{Api, Fresh};
use crate::dto::Counts;

/// The words that most messages hold, the highest first. Each message counts once for each word that it holds now, without the words that say nothing. Deleted messages count for no word.
#[utoipa::path(
    get, path = "/chat/stats/words", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Asked, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Counts), Problems)
)]
pub(super) async fn stats_words(
    Authenticated(caller): Authenticated,
    State(api): State<Api>,
    Fresh(reading): Fresh,
    ReadAfter(tokens): ReadAfter,
    Query(asked): Query<Asked>,
) -> Result<Json<Counts>, Problem> {
    ranked(&api, &reading, &caller, &tokens, Ranking::Words, asked).await.map(Json)
}
