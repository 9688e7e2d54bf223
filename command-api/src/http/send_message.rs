//! `POST /chat/rooms/{roomId}/messages`: says something.

use axum::Extension;
use axum::extract::State;
use domain::command::Body;
use domain::room::{Command, Number};
use domain::text::{MESSAGE_CHARACTERS_MAX, MessageText};
use domain::{StreamId, Timestamp, UserId};
use infra::http::json::BodyBytesMax;
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::params::RoomPath;

/// The most bytes of a body with a message: its longest text with every character escaped as two times `\uXXXX`, and the rest.
pub const BODY_BYTES_MAX: usize = 12 * MESSAGE_CHARACTERS_MAX + 4 * 1024;

/// A message.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SendMessage {
    /// 1–10,000 characters; `@id` mentions a member.
    #[schema(value_type = String)]
    text: MessageText,
    /// The number of the message that this one replies to.
    #[schema(value_type = Option<u64>)]
    reply_to: Option<Number>,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
    /// With the `import` scope: when it was said.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(send)).layer(Extension(BodyBytesMax(BODY_BYTES_MAX)))
}

/// Sends a message.
#[utoipa::path(
    post, path = "/chat/rooms/{roomId}/messages", tag = "messages", request_body = SendMessage,
    params(("roomId" = uuid::Uuid, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 201, description = "sent; `Location` says where", body = Answer), Problems)
)]
async fn send(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<RoomPath>,
    Json(body): Json<SendMessage>,
) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of)?;
    let mentions = domain::mentions::candidates(body.text.as_str());
    let facts = api.facts_of_mentions(&asked, &actor, &mentions).await?;
    let command = Command::SendMessage { text: body.text, reply_to: body.reply_to, mentions, facts, sent_at: body.sent_at };
    let room = path.room_id;
    let outcome = api.execute(&asked, actor, StreamId::Room(room), Body::Room(command)).await?;
    let number = outcome.number.ok_or_else(|| Problem::internal(&"a sent message came back without its number"))?;
    Ok(Done::room(&outcome, room).made_at(format!("/chat/rooms/{room}/messages/{number}")))
}
