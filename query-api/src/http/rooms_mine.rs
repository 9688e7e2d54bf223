//! `GET /chat/rooms`: one's own rooms.

use axum::extract::State;
use domain::RoomId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};
use serde::Deserialize;

use super::page::{forwards, key, limit};
use super::{Api, Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{MyRoom, Page};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The rooms one is in, the latest activity first, with what is unread and the last message.
#[utoipa::path(
    get, path = "/chat/rooms", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Parameters, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<MyRoom>), Problems)
)]
pub(super) async fn rooms_mine(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    _: Fresh,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<MyRoom>>, Problem> {
    let binding = Binding::new("rooms-mine", &[caller.user.as_str()]);
    let before: Option<(i64, RoomId)> = key(&binding, parameters.cursor.as_deref())?;
    let page = api.timeline.rooms_of(&caller.user, before, limit(parameters.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    Ok(Json(forwards(&binding, page, |mine| (mine.room.last_activity_at.as_millis(), mine.room.room))))
}
