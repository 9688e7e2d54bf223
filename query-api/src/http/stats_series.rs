//! `GET /chat/stats/series`: how much was said, and how many people came, over time.

use axum::extract::State;
use axum::http::StatusCode;
use domain::{RoomId, Timestamp};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query, ReadAfter};
use infra::search::{Measure, bucket_of, edges, words};
use serde::{Deserialize, Serialize};

use super::page::invalid;
use super::search::no_answer;
use super::stats::{Width, reached, rooms, searching, span, zone};
use super::{Api, Fresh};
use crate::dto::{Bucket, Series};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// What is counted: `chatAdd` messages by when they were sent, `userAdd` people by when they registered (administrators alone), `word`
    /// messages that hold a word now.
    #[param(inline)]
    name: Name,
    /// The word, for `word` alone.
    #[param(max_length = 64)]
    word: Option<String>,
    /// The width of a bucket.
    #[serde(default)]
    #[param(inline)]
    interval: Width,
    /// The beginning; 7 days before `to` unless it is given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// The end, which is not in it; now unless it is given.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Only in this room. Without it: in the rooms that one is in; for administrators, in all.
    #[param(value_type = Option<uuid::Uuid>)]
    room: Option<RoomId>,
    /// By which clock days begin: a name of the IANA time zone database, or a distance from UTC such as `+09:00`.
    #[param(example = "Asia/Seoul")]
    time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
enum Name {
    ChatAdd,
    UserAdd,
    Word,
}

/// A count for every interval of a range, those with nothing in them too: 1,000 at most. The first and the last interval are cut where
/// the range begins and ends.
#[utoipa::path(
    get, path = "/chat/stats/series", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Parameters, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Series), Problems)
)]
pub(super) async fn stats_series(
    Authenticated(caller): Authenticated,
    State(api): State<Api>,
    Fresh(reading): Fresh,
    ReadAfter(tokens): ReadAfter,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Series>, Problem> {
    let searching = searching(&api)?;
    let measure = measure(&parameters)?;
    if measure == Measure::Registrations && !caller.scope.admin {
        return Err(Problem::new(StatusCode::FORBIDDEN, "not-allowed").detail("userAdd is for administrators"));
    }
    let (span, zone) = (span(&*api.clock, parameters.from, parameters.to)?, zone(parameters.time_zone.as_deref())?);
    let edges = edges(span, parameters.interval.into(), zone).map_err(|error| invalid(error.to_string()))?;
    reached(searching, &tokens).await?;
    let rooms = rooms(&reading, &caller, parameters.room).await?;
    let counts = searching.index.series(&measure, &rooms, &edges).await.map_err(|fault| no_answer(&fault))?;
    let bucket = |(at, count): (&Timestamp, u64)| Bucket { at: bucket_of(*at, parameters.interval.into(), zone), count };
    Ok(Json(Series { from: span.from, to: span.until, buckets: edges.iter().zip(counts).map(bucket).collect() }))
}

fn measure(parameters: &Parameters) -> Result<Measure, Problem> {
    match (parameters.name, parameters.word.as_deref()) {
        (Name::ChatAdd, None) => Ok(Measure::Messages),
        (Name::UserAdd, None) if parameters.room.is_some() => Err(invalid("people register in no room")),
        (Name::UserAdd, None) => Ok(Measure::Registrations),
        (Name::Word, Some(said)) => {
            let mut found = words::counted(said).into_iter();
            match (found.next(), found.next()) {
                (Some(word), None) => Ok(Measure::Word(word)),
                _ => Err(invalid("word is one word that is counted")),
            }
        }
        (Name::Word, None) => Err(invalid("name=word needs word")),
        _ => Err(invalid("word goes with name=word alone")),
    }
}
