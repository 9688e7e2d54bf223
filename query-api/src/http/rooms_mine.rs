//! `GET /chat/rooms`: one's own rooms.

use domain::RoomId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};

use super::page::{Paging, forwards, key, limit};
use super::{Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{MyRoom, Page};

/// The rooms one is in, the latest activity first, with what is unread and the last message.
#[utoipa::path(
    get, path = "/chat/rooms", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Paging, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<MyRoom>), Problems)
)]
pub(super) async fn rooms_mine(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MyRoom>>, Problem> {
    let binding = Binding::new("rooms-mine", &[caller.user.as_str()]);
    let before: Option<(i64, RoomId)> = key(&binding, paging.cursor.as_deref())?;
    let page = reading.timeline.rooms_of(&caller.user, before, limit(paging.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    Ok(Json(forwards(&binding, page, |mine| (mine.room.last_activity_at.as_millis(), mine.room.room))))
}
