//! `POST /internal/commands`: a step of a saga, as one command. For process managers of ours.

use axum::extract::State;
use domain::command::Body;
use domain::{StreamId, UserId};
use infra::http::openapi::Problems;
use infra::http::{Json, Problem};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Api;
use super::answer::{Answer, Done};
use super::asked::{Asked, Origin, not_allowed};

/// One command, in the form that it has between nodes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// In whose name. What a service may do in somebody's name is little: see `domain::Command::authorise`.
    #[schema(value_type = String)]
    actor: UserId,
    /// The stream that it is for.
    #[schema(value_type = Object)]
    stream: StreamId,
    /// What is asked.
    #[schema(value_type = Object)]
    body: Body,
    /// The saga.
    correlation_id: Uuid,
    /// What made the saga take the step, where another message or event did.
    causation_id: Option<Uuid>,
}

/// Executes the step. A repeat under the same key gets the first outcome.
#[utoipa::path(
    post, path = "/internal/commands", tag = "internal", request_body = Step,
    params(("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn execute(State(api): State<Api>, asked: Asked, Json(step): Json<Step>) -> Result<Done, Problem> {
    if !asked.caller.scope.service {
        return Err(not_allowed(&"a step of a saga takes a token with the scope `service`"));
    }
    let Step { actor, stream, body, correlation_id, causation_id } = step;
    let origin = Origin { correlation_id, causation_id };
    let outcome = api.execute_from(&asked, &origin, actor.clone(), stream.clone(), body).await?;
    Ok(match stream {
        StreamId::Room(room) => Done::room(&outcome, room),
        StreamId::User(_) | StreamId::Relation(_) => Done::person(&outcome, actor),
    })
}
