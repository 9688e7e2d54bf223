//! `GET /chat/blocks`: whom one blocks.

use domain::UserId;
use infra::http::openapi::Problems;
use infra::http::{Authenticated, Json, Problem, Query};

use super::page::{Paging, forwards, key, limit};
use super::{Fresh, unavailable};
use crate::cursor::Binding;
use crate::dto::{Block, Page};

/// Those whom one blocks, by user id. By whom one is blocked, nobody is told.
#[utoipa::path(
    get, path = "/chat/blocks", tag = "queries", security(("bearer" = []), ("cookie" = [])),
    params(Paging, ("Read-After" = Option<String>, Header, description = "read tokens, separated by commas")),
    responses((status = 200, body = Page<Block>), Problems)
)]
pub(super) async fn blocks(
    Authenticated(caller): Authenticated,
    Fresh(reading): Fresh,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Block>>, Problem> {
    let binding = Binding::new("blocks", &[caller.user.as_str()]);
    let after: Option<UserId> = key(&binding, paging.cursor.as_deref())?;
    let page = reading.timeline.blocks(&caller.user, after.as_ref(), limit(paging.limit)?).await;
    let page = page.map_err(|fault| unavailable(&fault))?;
    Ok(Json(forwards(&binding, page, |view| view.other.user.clone())))
}
