//! `GET /chat/search`: messages by what they say, who said it, where and when.

use axum::extract::State;
use domain::{RoomId, Timestamp, UserId};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query, ReadAfter};
use infra::search::{self, Key, Order, Rooms, clauses};
use serde::{Deserialize, Serialize};

use super::page::{forwards, invalid, key, limit};
use super::stats::{reached, searching};
use super::{Api, Fresh, readable_room, unavailable};
use crate::cursor::Binding;
use crate::dto::{Found, Page};
use crate::searching::rooms_of;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Words, and phrases in quotation marks: 8 at most. By relevance a message must hold at least half of them, and what holds more comes
    /// first; in the order of time it must hold all. Upper and lower case, Korean particles and English endings make no difference.
    /// Without it, everything is found that the other parameters ask for.
    #[param(max_length = 300)]
    q: Option<String>,
    /// Only in this room, which may be any that one may read. Without it: in the rooms that one is in.
    #[param(value_type = Option<uuid::Uuid>)]
    room: Option<RoomId>,
    /// Only by this person.
    #[param(value_type = Option<String>)]
    sender: Option<UserId>,
    /// Only messages sent then or later.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only messages sent before.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most fitting first, or the latest first. Without `q` there is only the order of time.
    #[serde(default)]
    #[param(inline)]
    order: Ordering,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Ordering {
    #[default]
    Relevance,
    Time,
}

/// A key in a cursor. The score travels as its bits, so that it comes back exactly.
type Position = (u64, i64, RoomId, u64);

/// Messages by what they say, by whom, where and when. Deleted messages are not found, and nothing of rooms that one may not read. A
/// message is found about a second after it was sent, unless `Read-After` asks to wait for it.
#[utoipa::path(
    get, path = "/chat/search", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Parameters, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<Found>), Problems)
)]
pub(super) async fn search(
    Authenticated(caller): Authenticated,
    State(api): State<Api>,
    Fresh(reading): Fresh,
    ReadAfter(tokens): ReadAfter,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<Found>>, Problem> {
    let searching = searching(&api)?;
    let said = parameters.q.as_deref().map(str::trim).filter(|said| !said.is_empty());
    let clauses = said.map(clauses).transpose().map_err(|error| invalid(format!("q: {error}")))?.unwrap_or_default();
    let binding = binding(&parameters);
    let after: Option<Position> = key(&binding, parameters.cursor.as_deref())?;
    reached(searching, &tokens).await?;
    let rooms = match parameters.room {
        Some(room) => Rooms::Of([readable_room(&reading, room, &caller.user).await?.room].into()),
        None => rooms_of(&*reading.timeline, &caller.user).await.map_err(|fault| unavailable(&fault))?,
    };
    let query = search::Query {
        order: if clauses.is_empty() || parameters.order == Ordering::Time { Order::Time } else { Order::Relevance },
        clauses,
        rooms,
        sender: parameters.sender,
        from: parameters.from,
        until: parameters.to,
        after: after.map(position).transpose()?,
        limit: limit(parameters.limit)?,
    };
    let page = searching.index.find(&query).await.map_err(|fault| no_answer(&fault))?;
    Ok(Json(forwards(&binding, page, |hit| {
        let Key { score, sent_at, room, number } = hit.key;
        (score.to_bits(), sent_at.as_millis(), room, number)
    })))
}

fn binding(parameters: &Parameters) -> Binding {
    let time = |time: Option<Timestamp>| time.map(|time| time.as_millis().to_string()).unwrap_or_default();
    Binding::new(
        "search",
        &[
            parameters.q.as_deref().unwrap_or_default(),
            &parameters.room.map(|room| room.to_string()).unwrap_or_default(),
            parameters.sender.as_ref().map(UserId::as_str).unwrap_or_default(),
            &time(parameters.from),
            &time(parameters.to),
            if parameters.order == Ordering::Time { "time" } else { "relevance" },
        ],
    )
}

fn position((score, sent_at, room, number): Position) -> Result<Key, Problem> {
    let sent_at = Timestamp::from_millis(sent_at).map_err(|_| invalid("the cursor does not belong to this query"))?;
    Ok(Key { score: f64::from_bits(score), sent_at, room, number })
}

/// The index cannot answer: logged here, once.
pub(super) fn no_answer(fault: &search::Fault) -> Problem {
    tracing::warn!(%fault, "a search failed because the index cannot be read");
    Problem::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "service-unavailable")
        .detail("the search index cannot be read at present")
}
