//! `GET /chat/rooms/{roomId}/messages/{number}`: one message.

use domain::RoomId;
use domain::room::Number;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};

use super::{Fresh, not_found, readable_room, unavailable};
use crate::dto::Message;

/// One message; one that was deleted comes without its text.
#[utoipa::path(
    get, path = "/chat/rooms/{roomId}/messages/{number}", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("roomId" = Uuid, Path),
        ("number" = u64, Path, minimum = 1),
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Message), Problems)
)]
pub(super) async fn message(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Path((room, number)): Path<(RoomId, Number)>,
) -> Result<Json<Message>, Problem> {
    let view = readable_room(&reading, room, &caller.user).await?;
    let nothing = || not_found("message-not-found", "there is no such message");
    if number == 0 || number > view.last_number {
        return Err(nothing());
    }
    let message = reading.timeline.message(room, number, &caller.user).await.map_err(|fault| unavailable(&fault))?;
    message.map(|message| Json(message.into())).ok_or_else(nothing)
}
