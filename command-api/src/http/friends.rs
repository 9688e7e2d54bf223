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
    let between = Between::of(asked.actor(OnBehalf::of(body))?, user_id)?;
    let facts = api.facts_about(&asked, std::slice::from_ref(&between.other)).await?;
    between.execute(&api, &asked, Command::Befriend { facts }).await
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
    Between::of(asked.actor(OnBehalf::of(body))?, user_id)?.execute(&api, &asked, Command::Unfriend).await
}

/// Two people, of whom one does something to the other.
pub struct Between {
    actor: UserId,
    /// The other one.
    pub other: UserId,
    pair: Pair,
}

impl Between {
    /// Refuses the pair that somebody would be with themselves, before anybody is asked about it.
    ///
    /// # Errors
    /// `value-invalid`.
    pub fn of(actor: UserId, other: UserId) -> Result<Self, Problem> {
        let pair = Pair::of(&actor, &other).ok_or_else(|| {
            let why = "the person in the path must be somebody other than oneself";
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "value-invalid").detail(why)
        })?;
        Ok(Self { actor, other, pair })
    }

    /// Executes a command on their relation.
    ///
    /// # Errors
    /// As [`Api::execute`].
    pub async fn execute(self, api: &Api, asked: &Asked, command: Command) -> Result<Done, Problem> {
        let outcome = api.execute(asked, self.actor, StreamId::Relation(self.pair), Body::Relation(command)).await?;
        Ok(Done::person(&outcome, self.other))
    }
}
