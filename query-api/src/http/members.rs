//! `GET /chat/rooms/{roomId}/members`: who is in a room.

use domain::{RoomId, UserId};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem, Query};

use super::page::{Paging, key, limit};
use super::{Fresh, readable_room, unavailable};
use crate::cursor::Binding;
use crate::dto::{Member, Page};

/// The members of a room, by user id.
#[utoipa::path(
    get, path = "/chat/rooms/{roomId}/members", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("roomId" = Uuid, Path),
        Paging,
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Page<Member>), Problems)
)]
pub(super) async fn members(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Path(room): Path<RoomId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Member>>, Problem> {
    let binding = Binding::new("members", &[&room.to_string()]);
    let after: Option<UserId> = key(&binding, paging.cursor.as_deref())?;
    let limit = limit(paging.limit)?;
    readable_room(&reading, room, &caller.user).await?;
    let page = reading.timeline.members(room, after.as_ref(), limit).await.map_err(|fault| unavailable(&fault))?;
    let next = page.items.last().filter(|_| page.more).map(|last| binding.cursor(&last.user));
    Ok(Json(Page { items: page.items.into_iter().filter_map(Member::of).collect(), next, prev: None }))
}
