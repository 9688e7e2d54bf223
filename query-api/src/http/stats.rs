//! What the routes of numbers share: whose numbers one may see, over which time, and the time zone.

use domain::{RoomId, Timestamp};
use infra::clock::Clock;
use infra::http::{Problem, ReadToken};
use infra::search::{Interval, Ranked, Ranking, Rooms, Span, TOP_MAX, Zone};
use infra::tokens::Caller;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::page::invalid;
use super::search::no_answer;
use super::{Api, behind, not_found, readable_room, unavailable};
use crate::dto::{Counted, Counts};
use crate::progress::WAIT_MAX;
use crate::reading::Reading;
use crate::searching::{Searching, rooms_of};

/// The time that is counted unless the request says otherwise: the last so many days.
const DAYS: i64 = 7;
/// The rows of a ranking that asks for no number.
const TOP: u32 = 50;

/// The index.
pub(super) fn searching(api: &Api) -> Result<&Searching, Problem> {
    api.searching.as_ref().ok_or_else(|| not_found("search-off", "this system has no search index"))
}

/// Returns once the index shows what `tokens` stand for. Whoever asks for rooms afterwards asks for those that may be read then.
pub(super) async fn reached(searching: &Searching, tokens: &[ReadToken]) -> Result<(), Problem> {
    searching.reached(tokens, Instant::now() + WAIT_MAX).await.map_err(behind)
}

/// Whose numbers: members see their rooms, and any room by its id that they may read; administrators see all.
pub(super) async fn rooms(reading: &Reading, caller: &Caller, room: Option<RoomId>) -> Result<Rooms, Problem> {
    match room {
        Some(room) if caller.scope.admin => Ok(Rooms::Of([room].into())),
        Some(room) => Ok(Rooms::Of([readable_room(reading, room, &caller.user).await?.room].into())),
        None if caller.scope.admin => Ok(Rooms::All),
        None => rooms_of(&*reading.timeline, &caller.user).await.map_err(|fault| unavailable(&fault)),
    }
}

/// From `from` to `to`; the last week up to now unless they say otherwise.
pub(super) fn span(clock: &dyn Clock, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Span, Problem> {
    let until = to.unwrap_or_else(|| clock.now());
    let from = from.unwrap_or_else(|| until.saturating_add_millis(-DAYS * 24 * 60 * 60 * 1_000));
    if from < until { Ok(Span { from, until }) } else { Err(invalid("from must be before to")) }
}

/// The clock by which buckets begin; UTC unless the request says otherwise.
pub(super) fn zone(text: Option<&str>) -> Result<Zone, Problem> {
    let Some(text) = text else { return Ok(Zone::UTC) };
    // An unescaped plus sign arrives as a space.
    Zone::parse(&text.replacen(' ', "+", 1))
        .ok_or_else(|| invalid("timeZone is a name such as Asia/Seoul, or a distance from UTC such as +09:00, -03:30 or Z"))
}

/// The width of a bucket, in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Width {
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    #[default]
    Day,
    /// A week from Monday on.
    Week,
    /// A calendar month.
    Month,
}

impl From<Width> for Interval {
    fn from(width: Width) -> Self {
        match width {
            Width::Minute => Self::Minute,
            Width::Hour => Self::Hour,
            Width::Day => Self::Day,
            Width::Week => Self::Week,
            Width::Month => Self::Month,
        }
    }
}

/// What a ranking is asked for.
#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only in this room. Without it: in the rooms that one is in; for administrators, in all.
    #[param(value_type = Option<uuid::Uuid>)]
    room: Option<RoomId>,
    /// Only messages sent then or later; 7 days before `to` unless it is given.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only messages sent before; now unless it is given.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// How many rows at most.
    #[param(minimum = 1, maximum = 200, default = 50)]
    top: Option<u32>,
}

/// The ranking that was asked for.
pub(super) async fn ranked(
    api: &Api,
    reading: &Reading,
    caller: &Caller,
    tokens: &[ReadToken],
    ranking: Ranking,
    asked: Asked,
) -> Result<Counts, Problem> {
    let searching = searching(api)?;
    let span = span(&*api.clock, asked.from, asked.to)?;
    let limit = match asked.top.unwrap_or(TOP) {
        limit @ 1..=TOP_MAX => limit,
        _ => return Err(invalid(format!("top is 1 to {TOP_MAX}"))),
    };
    reached(searching, tokens).await?;
    let rooms = rooms(reading, caller, asked.room).await?;
    let Ranked { items, error_max } =
        searching.index.top(ranking, &rooms, span, limit).await.map_err(|fault| no_answer(&fault))?;
    let items = items.into_iter().map(|row| Counted { key: row.key, count: row.count, error_max: row.error_max });
    Ok(Counts { from: span.from, to: span.until, items: items.collect(), error_max })
}
