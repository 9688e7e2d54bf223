//! `GET /chat/rooms/public`: the directory.

use domain::RoomId;
use domain::text::ROOM_NAME_CHARACTERS_MAX;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};
use serde::Deserialize;

use super::page::{forwards, invalid, key, limit};
use super::{Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{Page, Room};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only rooms whose name begins so, upper and lower case alike.
    #[param(max_length = 80)]
    prefix: Option<String>,
}

/// Public, open rooms by name.
#[utoipa::path(
    get, path = "/chat/rooms/public", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Parameters, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<Room>), Problems)
)]
pub(super) async fn rooms_public(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<Room>>, Problem> {
    let prefix = parameters.prefix.as_deref().map(str::trim).filter(|prefix| !prefix.is_empty());
    if prefix.is_some_and(|prefix| prefix.chars().count() > ROOM_NAME_CHARACTERS_MAX) {
        return Err(invalid(format!("prefix has at most {ROOM_NAME_CHARACTERS_MAX} characters")));
    }
    let binding = Binding::new("rooms-public", &[prefix.unwrap_or_default()]);
    let after: Option<(String, RoomId)> = key(&binding, parameters.cursor.as_deref())?;
    let page = reading.timeline.public_rooms(&caller.user, prefix, after, limit(parameters.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    Ok(Json(forwards(&binding, page, |room| (room.name.clone().unwrap_or_default(), room.room))))
}
