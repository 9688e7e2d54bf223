//! `POST /internal/users` and `GET /internal/users/{userId}`: registers people and looks them up, for services and tools of ours.

use axum::extract::State;
use domain::command::Body;
use domain::text::UserName;
use domain::{StreamId, Timestamp, UserId, user};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::answer::{Answer, Done, segment};
use super::asked::{Asked, not_allowed};

/// A person to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegisterUser {
    /// The permanent id.
    #[schema(value_type = String)]
    user_id: UserId,
    /// The display name.
    #[schema(value_type = String)]
    user_name: UserName,
    /// With the `import` scope: when the person joined.
    #[schema(value_type = Option<String>, format = DateTime)]
    registered_at: Option<Timestamp>,
}

/// `/internal/users/{userId}`
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserPath {
    user_id: UserId,
}

/// A person who exists and is active.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveUser {
    /// The permanent id, normalised.
    #[schema(value_type = String)]
    user_id: UserId,
}

/// Registers somebody. The actor is the new person, so that a repeat under the same key is recognised whoever sends it.
#[utoipa::path(
    post, path = "/internal/users", tag = "internal", request_body = RegisterUser,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 201, body = Answer), Problems)
)]
pub async fn register(State(api): State<Api>, asked: Asked, Json(body): Json<RegisterUser>) -> Result<Done, Problem> {
    let RegisterUser { user_id, user_name, registered_at } = body;
    let command = user::Command::Register { user_name, registered_at };
    let outcome = api.execute(&asked, user_id.clone(), StreamId::User(user_id.clone()), Body::User(command)).await?;
    let path = format!("/chat/people/{}", segment(user_id.as_str()));
    Ok(Done::person(&outcome, user_id).made_at(path))
}

/// Says whether somebody exists and is active, as the owner knows it.
#[utoipa::path(
    get, path = "/internal/users/{userId}", tag = "internal", params(("userId" = String, Path)),
    responses((status = 200, body = ActiveUser), Problems)
)]
pub async fn get(
    State(api): State<Api>,
    asked: Asked,
    Path(UserPath { user_id }): Path<UserPath>,
) -> Result<Json<ActiveUser>, Problem> {
    if !(asked.caller.scope.service || asked.caller.scope.import) {
        return Err(not_allowed(&"looking people up here takes a token with the scope `service` or `import`"));
    }
    let facts = api.facts_about(&asked, std::slice::from_ref(&user_id)).await?;
    if facts.active_users.contains(&user_id) {
        Ok(Json(ActiveUser { user_id }))
    } else {
        Err(Problem::refused(&user::Refusal::UserNotFound.into()))
    }
}
