//! `PUT/DELETE /chat/blocks/{userId}`: blocks somebody, or takes it back.

use axum::extract::State;
use domain::relation::Command;
use infra::http::openapi::Problems;
use infra::http::{Json, Path, Problem};

use super::Api;
use super::answer::{Answer, Done};
use super::asked::Asked;
use super::friends::Between;
use super::params::OtherPath;
use super::room::OnBehalf;

/// Blocks somebody: ends the friendship, keeps both from bringing each other into rooms and from calling each other, and closes
/// their direct room.
#[utoipa::path(
    put, path = "/chat/blocks/{userId}", tag = "people", request_body = Option<OnBehalf>,
    params(("userId" = String, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn put(
    State(api): State<Api>,
    asked: Asked,
    Path(OtherPath { user_id }): Path<OtherPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    let between = Between::of(asked.actor(OnBehalf::of(body))?, user_id)?;
    let facts = api.facts_about(&asked, std::slice::from_ref(&between.other)).await?;
    between.execute(&api, &asked, Command::Block { facts }).await
}

/// Takes one's own block back.
#[utoipa::path(
    delete, path = "/chat/blocks/{userId}", tag = "people", request_body = Option<OnBehalf>,
    params(("userId" = String, Path), ("Idempotency-Key" = Option<uuid::Uuid>, Header)),
    responses((status = 200, body = Answer), Problems)
)]
pub async fn remove(
    State(api): State<Api>,
    asked: Asked,
    Path(OtherPath { user_id }): Path<OtherPath>,
    body: Option<Json<OnBehalf>>,
) -> Result<Done, Problem> {
    Between::of(asked.actor(OnBehalf::of(body))?, user_id)?.execute(&api, &asked, Command::Unblock).await
}
