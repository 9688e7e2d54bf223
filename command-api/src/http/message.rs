//! `PATCH/DELETE /chat/rooms/{roomId}/messages/{number}`: says it differently, or unsays it.

use axum::Extension;
use axum::extract::State;
use domain::command::Body;
use domain::room::Command;
use domain::text::MessageText;
use domain::{StreamId, UserId};
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
use super::params::MessagePath;
use super::room::OnBehalf;
use super::send_message::BODY_BYTES_MAX;

/// A new text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EditMessage {
    /// 1–10,000 characters.
    #[schema(value_type = String)]
    text: MessageText,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
}

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(edit, delete)).layer(Extension(BodyBytesMax(BODY_BYTES_MAX)))
}

/// Changes a message's text (its author).
#[utoipa::path(
    patch, path = "/chat/rooms/{roomId}/messages/{number}", tag = "messages", request_body = EditMessage,
    params(("roomId" = uuid::Uuid, Path), ("number" = u64, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
async fn edit(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<MessagePath>,
    Json(body): Json<EditMessage>,
) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of)?;
    let mentions = domain::mentions::candidates(body.text.as_str());
    let facts = api.facts_of_mentions(&asked, &actor, &mentions).await?;
    let command = Command::EditMessage { number: path.number, text: body.text, mentions, facts };
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
    Ok(Done::room(&outcome, path.room_id))
}

/// Deletes a message (its author, a moderator or an owner). Its number stays.
#[utoipa::path(
    delete, path = "/chat/rooms/{roomId}/messages/{number}", tag = "messages", request_body = Option<OnBehalf>,
    params(("roomId" = uuid::Uuid, Path), ("number" = u64, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
async fn delete(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<MessagePath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let command = Command::DeleteMessage { number: path.number };
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
    Ok(Done::room(&outcome, path.room_id))
}
