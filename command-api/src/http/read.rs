//! `PUT /chat/rooms/{roomId}/read`: how far one has read. No event: the position goes to the compacted topic `reads`.

use axum::extract::State;
use axum::http::StatusCode;
use domain::room::Number;
use domain::{RoomId, Timestamp, UserId};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::asked::Asked;
use super::params::RoomPath;
use super::read_positions::ReadPosition;

/// How far one has read.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutRead {
    /// The number of the last message read. Readers take the maximum, so that it never goes back.
    #[schema(value_type = u64)]
    number: Number,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
}

/// A position that was taken. There is no read token: the topic has no owner and no sequence.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadAnswer {
    /// The room.
    #[schema(value_type = uuid::Uuid)]
    room_id: RoomId,
    /// The number.
    #[schema(value_type = u64)]
    number: Number,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

/// Moves one's read position.
#[utoipa::path(
    put, path = "/chat/rooms/{roomId}/read", tag = "messages", request_body = PutRead,
    params(("roomId" = uuid::Uuid, Path)),
    responses((status = 200, body = ReadAnswer), Problems)
)]
pub async fn put(
    State(api): State<Api>,
    asked: Asked,
    Path(RoomPath { room_id }): Path<RoomPath>,
    Json(body): Json<PutRead>,
) -> Result<Json<ReadAnswer>, Problem> {
    let user = asked.actor(body.on_behalf_of)?;
    let standing = api.standing(&asked, room_id, &user).await?;
    // Whoever is no member learns the same as of a room that is not there: a direct room's id can be guessed.
    let Some(standing) = standing.filter(|standing| standing.role.is_some()) else {
        return Err(Problem::refused(&domain::room::Refusal::RoomNotFound.into()));
    };
    if body.number > standing.last_number {
        return Err(Problem::value("/number", format!("the last message is number {}", standing.last_number)));
    }
    let at = api.clock.now();
    let position = ReadPosition { room_id, user_id: user, number: body.number, at };
    let recorded = tokio::time::timeout(api.options.command_duration_max, api.reads.record(position)).await;
    match recorded {
        Ok(Ok(())) => Ok(Json(ReadAnswer { room_id, number: body.number, at })),
        Ok(Err(error)) => {
            tracing::warn!(%error, "a read position was not recorded");
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "log-unavailable"))
        }
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "log-unavailable")),
    }
}
