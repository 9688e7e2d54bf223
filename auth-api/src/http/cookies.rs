//! The cookies that keep a browser signed in: the access token for all paths, the refresh token for `/user` alone.
//!
//! Our page is known by the header that it sends with every request ([`CSRF_HEADER`]) and no foreign page can send. It gets cookies
//! and no tokens in the body, so that no script ever holds one; every other client gets tokens in the body and no cookies.

use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use infra::http::Problem;
use infra::http::auth::{CSRF_HEADER, TOKEN_COOKIE, check_same_origin};

use crate::Options;
use crate::refresh::RefreshToken;

/// The cookie that holds the refresh token.
pub const REFRESH_COOKIE: &str = "sarangbang_refresh";
const REFRESH_PATH: &str = "/user";

/// Whether our own page asks, in a browser.
///
/// # Errors
/// 403 `csrf-refused` where somebody says so from another origin.
pub fn is_our_page(method: &Method, headers: &HeaderMap) -> Result<bool, Problem> {
    if !headers.contains_key(CSRF_HEADER) || !headers.contains_key(header::ORIGIN) {
        return Ok(false);
    }
    check_same_origin(method, headers)?;
    Ok(true)
}

/// The refresh token of the cookie.
pub fn refresh_token(headers: &HeaderMap) -> Option<RefreshToken> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, token)| *name == REFRESH_COOKIE && !token.is_empty())
        .map(|(_, token)| RefreshToken::from(token))
}

/// Gives the browser both.
pub fn set(
    response: &mut Response,
    access: &str,
    refresh: &RefreshToken,
    refresh_seconds: i64,
    options: &Options,
) -> Result<(), Problem> {
    let access_seconds = i64::try_from(options.token_duration.as_secs()).unwrap_or(i64::MAX);
    put(response, TOKEN_COOKIE, access, "/", access_seconds, options)?;
    put(response, REFRESH_COOKIE, refresh.reveal(), REFRESH_PATH, refresh_seconds, options)
}

/// Takes both away.
pub fn clear(response: &mut Response, options: &Options) -> Result<(), Problem> {
    put(response, TOKEN_COOKIE, "", "/", 0, options)?;
    put(response, REFRESH_COOKIE, "", REFRESH_PATH, 0, options)
}

/// `HttpOnly`: no script reads it. `SameSite=Strict`: no foreign page's request carries it.
fn put(response: &mut Response, name: &str, token: &str, path: &str, seconds: i64, options: &Options) -> Result<(), Problem> {
    let secure = if options.cookie_secure { "; Secure" } else { "" };
    let cookie = format!("{name}={token}; Path={path}; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(&error))?;
    value.set_sensitive(true);
    response.headers_mut().append(header::SET_COOKIE, value);
    Ok(())
}
