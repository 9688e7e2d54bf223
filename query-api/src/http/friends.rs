//! `GET /chat/friends`: friends, and requests on both sides.

use axum::extract::State;
use domain::UserId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};
use serde::Deserialize;

use super::page::{key, limit};
use super::{Api, Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{Friend, FriendshipName, Page};

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// Only friends, or only requests of one side; all of them without it.
    friendship: Option<FriendshipName>,
}

/// Friends with their status text and presence, and requests for friendship, by user id.
#[utoipa::path(
    get, path = "/chat/friends", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Parameters, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<Friend>), Problems)
)]
pub(super) async fn friends(
    State(api): State<Api>,
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Query(parameters): Query<Parameters>,
) -> Result<Json<Page<Friend>>, Problem> {
    let friendship = parameters.friendship.map(infra::read_model::Friendship::from);
    let binding = Binding::new("friends", &[caller.user.as_str(), &format!("{friendship:?}")]);
    let after: Option<UserId> = key(&binding, parameters.cursor.as_deref())?;
    let page = reading.timeline.friends(&caller.user, friendship, after.as_ref(), limit(parameters.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    let next = page.items.last().filter(|_| page.more).map(|last| binding.cursor(&last.other.user));
    let friend = |view| Friend::of(view, |user| api.live.presence_of(user));
    Ok(Json(Page { items: page.items.into_iter().filter_map(friend).collect(), next, prev: None }))
}
