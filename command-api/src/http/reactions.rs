//! `PUT/DELETE /chat/rooms/{roomId}/messages/{number}/reactions/{emoji}`: reacts to a message, or takes it back.

use axum::extract::State;
use domain::StreamId;
use domain::UserId;
use domain::command::Body;
use domain::room::Command;
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::params::ReactionPath;
use super::room::OnBehalf;

/// Reacts with an emoji.
#[utoipa::path(
    put, path = "/chat/rooms/{roomId}/messages/{number}/reactions/{emoji}", tag = "messages", request_body = Option<OnBehalf>,
    params(("roomId" = uuid::Uuid, Path), ("number" = u64, Path), ("emoji" = String, Path, description = "one emoji, percent-encoded"), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn add(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<ReactionPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let ReactionPath { room_id, number, emoji } = path;
    react(&api, &asked, actor, room_id, Command::AddReaction { number, emoji }).await
}

/// Takes a reaction back.
#[utoipa::path(
    delete, path = "/chat/rooms/{roomId}/messages/{number}/reactions/{emoji}", tag = "messages", request_body = Option<OnBehalf>,
    params(("roomId" = uuid::Uuid, Path), ("number" = u64, Path), ("emoji" = String, Path, description = "one emoji, percent-encoded"), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn remove(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<ReactionPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let ReactionPath { room_id, number, emoji } = path;
    react(&api, &asked, actor, room_id, Command::RemoveReaction { number, emoji }).await
}

async fn react(api: &Api, asked: &Asked, actor: UserId, room: domain::RoomId, command: Command) -> Result<Done, Problem> {
    let outcome = api.execute(asked, actor, StreamId::Room(room), Body::Room(command)).await?;
    Ok(Done::room(&outcome, room))
}
