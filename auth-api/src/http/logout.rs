//! `POST /user/logout`: takes the token away from the browser.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use infra::http::openapi::Problems;
use infra::http::{Problem, auth};

use super::cookie;
use super::local::Local;
use crate::AuthApi;

/// Signs out: clears the cookie, whether its token is still good or not. A Bearer token is simply forgotten by its client.
#[utoipa::path(post, path = "/user/logout", tag = "people", responses((status = 204, description = "signed out"), Problems))]
pub async fn logout(_: Local, State(api): State<AuthApi>, method: Method, headers: HeaderMap) -> Result<Response, Problem> {
    // Nobody is asked for a good token, but no foreign page may sign people out either.
    if headers.contains_key(header::COOKIE) {
        auth::check_same_origin(&method, &headers)?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    cookie::clear(&mut response, &api.options)?;
    Ok(response)
}
