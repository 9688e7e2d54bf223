//! `PUT/PATCH/DELETE /chat/rooms/{roomId}/members/{userId}`: who is in a room, and as what. `me` is the caller.

use axum::extract::State;
use domain::command::Body;
use domain::room::{Command, Role};
use domain::{StreamId, Timestamp, UserId, user};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::params::MemberPath;
use super::room::OnBehalf;

/// For imports: in whose name, and since when.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PutMember {
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
    /// With the `import` scope: since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    sent_at: Option<Timestamp>,
}

/// A change of a membership: exactly one of `role` and `muted`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeMember {
    /// `owner`, `moderator` or `member`.
    #[schema(value_type = Option<String>)]
    role: Option<Role>,
    /// Whether the caller wants to hear no more of the room; only for `me`.
    muted: Option<bool>,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
}

/// Joins a public room (`me`), or adds somebody.
#[utoipa::path(
    put, path = "/chat/rooms/{roomId}/members/{userId}", tag = "members", request_body = Option<PutMember>,
    params(("roomId" = uuid::Uuid, Path), ("userId" = String, Path, description = "a user id, or `me`"), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn put(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<MemberPath>,
    body: Option<Json<PutMember>>,
) -> Result<Done, Problem> {
    let Json(body) = body.unwrap_or(Json(PutMember::default()));
    let actor = asked.actor(body.on_behalf_of)?;
    let command = match path.user_id.other_than(&actor) {
        None => Command::Join { joined_at: body.sent_at },
        Some(user) => {
            let users = vec![user];
            let facts = api.facts_between(&asked, &actor, &users).await?;
            Command::AddMembers { users, joined_at: body.sent_at, facts }
        }
    };
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
    Ok(Done::room(&outcome, path.room_id))
}

/// Changes somebody's role, or mutes the room for oneself (kept in one's own user stream).
#[utoipa::path(
    patch, path = "/chat/rooms/{roomId}/members/{userId}", tag = "members", request_body = ChangeMember,
    params(("roomId" = uuid::Uuid, Path), ("userId" = String, Path, description = "a user id, or `me`"), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn change(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<MemberPath>,
    Json(body): Json<ChangeMember>,
) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of)?;
    let other = path.user_id.other_than(&actor);
    match (body.role, body.muted, other) {
        (Some(role), None, other) => {
            let command = Command::ChangeRole { user: other.unwrap_or_else(|| actor.clone()), role };
            let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
            Ok(Done::room(&outcome, path.room_id))
        }
        (None, Some(muted), None) => {
            let command = user::Command::SetMuted { room: path.room_id, muted };
            let outcome = api.execute(&asked, actor.clone(), StreamId::User(actor.clone()), Body::User(command)).await?;
            Ok(Done::person(&outcome, actor))
        }
        (None, Some(_), Some(_)) => Err(Problem::value("/muted", "a room can be muted for oneself only")),
        (Some(_), Some(_), _) | (None, None, _) => {
            Err(Problem::value("", "exactly one of role and muted: one request is one command"))
        }
    }
}

/// Leaves a room (`me`), or removes somebody.
#[utoipa::path(
    delete, path = "/chat/rooms/{roomId}/members/{userId}", tag = "members", request_body = Option<OnBehalf>,
    params(("roomId" = uuid::Uuid, Path), ("userId" = String, Path, description = "a user id, or `me`"), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn remove(
    State(api): State<Api>,
    asked: Asked,
    Path(path): Path<MemberPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let command = match path.user_id.other_than(&actor) {
        None => Command::Leave,
        Some(user) => Command::RemoveMember { user },
    };
    let outcome = api.execute(&asked, actor, StreamId::Room(path.room_id), Body::Room(command)).await?;
    Ok(Done::room(&outcome, path.room_id))
}
