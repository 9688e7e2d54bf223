//! `PATCH /chat/rooms/{roomId}` and `POST …/archive`: changes a room's details, or closes it for good.

use axum::extract::State;
use domain::StreamId;
use domain::UserId;
use domain::command::Body;
use domain::room::Command;
use domain::text::{RoomName, Topic};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::params::RoomPath;

/// A change of one detail. Exactly one of `name` and `topic`: each is a command of its own, and one request is one command, so
/// that a request can never be half done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRoom {
    /// The new name, 1–80 characters.
    #[schema(value_type = Option<String>)]
    name: Option<RoomName>,
    /// The new topic, up to 500 characters; empty takes it away.
    #[schema(value_type = Option<String>)]
    topic: Option<Topic>,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
}

/// Nothing but, for imports, in whose name.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OnBehalf {
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    pub on_behalf_of: Option<UserId>,
}

impl OnBehalf {
    /// The person that an optional body names.
    pub fn of(body: Option<Json<Self>>) -> Option<UserId> {
        body.and_then(|Json(body)| body.on_behalf_of)
    }
}

/// Renames a room or sets its topic: exactly one of both in one request.
#[utoipa::path(
    patch, path = "/chat/rooms/{roomId}", tag = "rooms", request_body = ChangeRoom,
    params(("roomId" = uuid::Uuid, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn change(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<RoomPath>,
    Json(body): Json<ChangeRoom>,
) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of)?;
    let command = match (body.name, body.topic) {
        (Some(name), None) => Command::Rename { name },
        (None, Some(topic)) => Command::SetTopic { topic },
        _ => return Err(Problem::value("", "exactly one of name and topic: one request is one command")),
    };
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
    Ok(Done::room(&outcome, path.room_id))
}

/// Archives a room: it can be read, and nothing changes in it any more.
#[utoipa::path(
    post, path = "/chat/rooms/{roomId}/archive", tag = "rooms", request_body = Option<OnBehalf>,
    params(("roomId" = uuid::Uuid, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn archive(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<RoomPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(Command::Archive)).await?;
    Ok(Done::room(&outcome, path.room_id))
}
