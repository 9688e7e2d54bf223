//! `PUT/DELETE /chat/friends/{userId}`: asks for friendship or accepts it; declines it, takes the request back, or ends it.

use axum::extract::State;
use axum::http::StatusCode;
use domain::command::Body;
use domain::ids::Pair;
use domain::relation::Command;
use domain::{StreamId, UserId};
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::params::OtherPath;
use super::room::OnBehalf;

/// Asks for friendship, or accepts it where the other one has asked.
#[utoipa::path(
    put, path = "/chat/friends/{userId}", tag = "people", request_body = Option<OnBehalf>,
    params(("userId" = String, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn put(
    State(api): State<Api>,
    asked: Asked,
    Path(OtherPath { user_id }): Path<OtherPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    let facts = api.facts_about(&asked, std::slice::from_ref(&user_id)).await?;
    relate(&api, &asked, actor, user_id, Command::Befriend { facts }).await
}

/// Declines what the other one asked, takes back what oneself asked, or ends the friendship.
#[utoipa::path(
    delete, path = "/chat/friends/{userId}", tag = "people", request_body = Option<OnBehalf>,
    params(("userId" = String, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn remove(
    State(api): State<Api>,
    asked: Asked,
    Path(OtherPath { user_id }): Path<OtherPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let actor = asked.actor(OnBehalf::of(body))?;
    relate(&api, &asked, actor, user_id, Command::Unfriend).await
}

/// Executes a command on the relation of `actor` and `other`.
pub async fn relate(api: &Api, asked: &Asked, actor: UserId, other: UserId, command: Command) -> Result<Done, Problem> {
    let Some(pair) = Pair::of(&actor, &other) else {
        let why = "the person in the path must be somebody other than oneself";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "value-invalid").detail(why));
    };
    let outcome = api.execute(asked, actor, StreamId::Relation(pair), Body::Relation(command)).await?;
    Ok(Done::person(&outcome, other))
}
