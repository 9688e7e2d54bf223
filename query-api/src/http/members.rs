//! `GET /chat/rooms/{roomId}/members`: who is in a room.

use axum::extract::State;
use domain::{RoomId, UserId};
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem, Query};
use serde::Deserialize;

use super::page::{key, limit};
use super::{Api, Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{Member, Page};

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

/// The members of a room, by user id.
#[utoipa::path(
    get, path = "/chat/rooms/{roomId}/members", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("roomId" = Uuid, Path),
        Parameters,
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Page<Member>), Problems)
)]
pub(super) async fn members(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    _: Fresh,
    Path(room): Path<RoomId>,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<Member>>, Problem> {
    let binding = Binding::new("members", &[&room.to_string()]);
    let after: Option<UserId> = key(&binding, parameters.cursor.as_deref())?;
    let limit = limit(parameters.limit)?;
    api.readable_room(room, &caller.user).await?;
    let page = api.timeline.members(room, after.as_ref(), limit).await.map_err(|fault| unavailable(&fault))?;
    let next = page.items.last().filter(|_| page.more).map(|last| binding.cursor(&last.user));
    Ok(Json(Page { items: page.items.into_iter().filter_map(Member::of).collect(), next, prev: None }))
}
