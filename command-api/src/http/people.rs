//! `PATCH /chat/people/me`: changes one's display name or status text, or switches one's presence off or on.

use axum::extract::State;
use domain::command::Body;
use domain::text::{StatusText, UserName};
use domain::{StreamId, UserId, user};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;

/// What changes. Display name and status text are one command, because a profile changes as a whole; presence is another one, and
/// cannot be asked for together with them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeProfile {
    /// The new display name, 1–80 characters.
    #[schema(value_type = Option<String>)]
    user_name: Option<UserName>,
    /// The new status text, up to 140 characters; empty takes it away.
    #[schema(value_type = Option<String>)]
    status_text: Option<StatusText>,
    /// Whether others are shown neither one's presence nor one's typing from now on.
    presence_hidden: Option<bool>,
    /// With the `import` scope: in whose name.
    #[schema(value_type = Option<String>)]
    on_behalf_of: Option<UserId>,
}

/// Changes one's profile.
#[utoipa::path(
    patch, path = "/chat/people/me", tag = "people", request_body = ChangeProfile,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn change(State(api): State<Api>, asked: Asked, Json(body): Json<ChangeProfile>) -> Result<Done, Problem> {
    let actor = asked.actor(body.on_behalf_of)?;
    let command = match body {
        ChangeProfile { user_name: None, status_text: None, presence_hidden: Some(presence_hidden), .. } => {
            user::Command::SetVisibility { presence_hidden }
        }
        ChangeProfile { user_name, status_text, presence_hidden: None, .. } if user_name.is_some() || status_text.is_some() => {
            user::Command::ChangeProfile { user_name, status_text }
        }
        _ => return Err(Problem::value("", "userName, statusText or both; or presenceHidden alone: one request is one command")),
    };
    let outcome = api.execute(&asked, actor.clone(), StreamId::User(actor.clone()), Body::User(command)).await?;
    Ok(Done::person(&outcome, actor))
}
