//! `GET /chat/mentions`: where one was mentioned.

use domain::RoomId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};

use super::page::{Paging, forwards, key, limit};
use super::{Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{Mention, Page};

/// Messages that mention one, the latest first; only of rooms one is in now, and without deleted ones.
#[utoipa::path(
    get, path = "/chat/mentions", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Paging, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<Mention>), Problems)
)]
pub(super) async fn mentions(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Mention>>, Problem> {
    let binding = Binding::new("mentions", &[caller.user.as_str()]);
    let before: Option<(i64, RoomId, u64)> = key(&binding, paging.cursor.as_deref())?;
    let page = reading.timeline.mentions_of(&caller.user, before, limit(paging.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    Ok(Json(forwards(&binding, page, |mention| {
        let message = &mention.message;
        (message.sent_at.as_millis(), message.room, message.number)
    })))
}
