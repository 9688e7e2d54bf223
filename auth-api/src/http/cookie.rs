//! The cookie that keeps a browser signed in.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use infra::http::Problem;
use infra::http::auth::TOKEN_COOKIE;
use infra::tokens::Token;

use crate::Options;

/// Gives the browser `token`. `HttpOnly`: no script reads it. `SameSite=Strict`: no foreign page's request carries it.
pub fn set(response: &mut Response, token: &Token, options: &Options) -> Result<(), Problem> {
    put(response, &token.0, options.token_duration.as_secs(), options)
}

/// Takes the token away from the browser.
pub fn clear(response: &mut Response, options: &Options) -> Result<(), Problem> {
    put(response, "", 0, options)
}

fn put(response: &mut Response, token: &str, seconds: u64, options: &Options) -> Result<(), Problem> {
    let secure = if options.cookie_secure { "; Secure" } else { "" };
    let cookie = format!("{TOKEN_COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::from_str(&cookie).map_err(|error| Problem::internal(&error))?;
    value.set_sensitive(true);
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(())
}
