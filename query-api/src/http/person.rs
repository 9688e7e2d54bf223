//! `GET /chat/people/{userId}`: a public profile.

use domain::UserId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Path, Problem};

use super::{Fresh, not_found, unavailable};
use crate::dto::Person;

/// The public profile of a person, or one's own under `me`.
#[utoipa::path(
    get, path = "/chat/people/{userId}", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(
        ("userId" = String, Path, description = "a user id, or `me`"),
        ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas"),
    ),
    responses((status = 200, body = Person), Problems)
)]
pub(super) async fn person(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Path(whose): Path<String>,
) -> Result<Json<Person>, Problem> {
    let nobody = || not_found("user-not-found", "there is no such person");
    // What can be no user id is nobody's: to the one who asks that is the same.
    let user = if whose == "me" { caller.user.clone() } else { UserId::parse(&whose).map_err(|_| nobody())? };
    let view = reading.timeline.user(&user).await.map_err(|fault| unavailable(&fault))?;
    let mut person = view.map(Person::from).ok_or_else(nobody)?;
    if user == caller.user {
        let circle = reading.timeline.circle(&user, 0).await.map_err(|fault| unavailable(&fault))?;
        person.presence_hidden = Some(circle.presence_hidden);
    }
    Ok(Json(person))
}
