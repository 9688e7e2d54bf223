//! `GET /chat/rooms/{roomId}`: one room.

use domain::RoomId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};

use super::{Fresh, readable_room};
use crate::dto::Room;

/// A room as one stands to it. 404 also for a private room of others.
#[utoipa::path(
    get, path = "/chat/rooms/{roomId}", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("roomId" = Uuid, Path),
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Room), Problems)
)]
pub(super) async fn room(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Path(room): Path<RoomId>,
) -> Result<Json<Room>, Problem> {
    Ok(Json(readable_room(&reading, room, &caller.user).await?.into()))
}
