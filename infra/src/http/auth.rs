//! Who calls: a Bearer token, or the browser's cookie with its guards against cross-site requests.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};

use super::Problem;
use crate::tokens::{Caller, Verifier, VerifyError};

/// The cookie that holds a browser's token. `HttpOnly`, so that no script reads it.
pub const TOKEN_COOKIE: &str = "sarangbang_token";
/// The header that a page of ours sends with every writing request; a foreign form cannot.
pub const CSRF_HEADER: &str = "x-sarangbang-csrf";

/// The verified caller; 401 without a valid token.
///
/// A Bearer token stands for itself. A token from the cookie is sent by the browser whoever asks for it, so that such a request must
/// prove that our own page made it: `Origin` equal to `Host` and [`CSRF_HEADER`] for everything but reads, `Origin` alone for a
/// WebSocket (whose handshake is a GET to which a page can add no header).
#[derive(Debug, Clone)]
pub struct Authenticated(pub Caller);

impl<S> FromRequestParts<S> for Authenticated
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = match bearer(&parts.headers)? {
            Some(token) => token,
            None => {
                let token = cookie(&parts.headers).ok_or_else(|| unauthorized("token-missing"))?;
                check_same_origin(&parts.method, &parts.headers)?;
                token
            }
        };
        let verifier = Arc::<Verifier>::from_ref(state);
        verifier.verify_fetching(token).await.map(Self).map_err(|error| problem_of(&error))
    }
}

/// The token that a request brings, as a Bearer token or in the cookie; whether it is good is another question.
#[must_use]
pub fn given_token(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).ok().flatten().or_else(|| cookie(headers))
}

/// The problem that a refused token is.
#[must_use]
pub fn problem_of(error: &VerifyError) -> Problem {
    match error {
        VerifyError::Expired => unauthorized("token-expired"),
        VerifyError::Revoked => unauthorized("token-revoked"),
        VerifyError::KeysUnavailable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "keys-unavailable"),
        VerifyError::TooLong | VerifyError::Malformed | VerifyError::UnknownKey | VerifyError::Refused => {
            unauthorized("token-invalid")
        }
    }
}

fn unauthorized(code: &'static str) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, code)
}

/// The token of `Authorization: Bearer`; nothing without such a header; 401 for another scheme, and for two.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    // Two callers in one request: whoever stands before us may have looked at the other one.
    if values.next().is_some() {
        return Err(unauthorized("token-invalid"));
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or_else(|| unauthorized("token-invalid"))?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(Some(token.trim())) } else { Err(unauthorized("token-invalid")) }
}

/// The token of the cookie.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, token)| *name == TOKEN_COOKIE && !token.is_empty())
        .map(|(_, token)| token)
}

/// Refuses what a foreign page may have made the browser send.
///
/// # Errors
/// 403 `csrf-refused`.
pub fn check_same_origin(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |why: &str| Err(Problem::new(StatusCode::FORBIDDEN, "csrf-refused").detail(why));
    let upgrade = headers.contains_key(header::UPGRADE);
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads && !upgrade {
        return Ok(());
    }
    if !same_origin(headers) {
        return refused("Origin is not this site");
    }
    if !reads && headers.get(CSRF_HEADER).is_none_or(|value| value != "1") {
        return refused("the header X-Sarangbang-Csrf: 1 is missing");
    }
    Ok(())
}

/// Whether `Origin` is there and names the same host and port as `Host`.
fn same_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else { return false };
    // The scheme is not compared: behind a gateway that ends TLS, ours is http and the page's is https.
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::Request;

    use super::*;
    use crate::clock::SystemClock;
    use crate::tokens::{Grant, Signer};

    fn signer() -> Signer {
        Signer::generate("test", Arc::new(SystemClock)).unwrap()
    }
    fn token(signer: &Signer) -> String {
        let alice = domain::UserId::parse("alice").unwrap();
        signer.issue(&Grant::person(alice, Duration::from_secs(60))).unwrap().token.0.to_string()
    }

    #[derive(Clone)]
    struct State(Arc<Verifier>);
    impl FromRef<State> for Arc<Verifier> {
        fn from_ref(state: &State) -> Self {
            Self::clone(&state.0)
        }
    }

    async fn ask(signer: &Signer, method: &str, headers: &[(&str, &str)]) -> Result<String, (u16, &'static str)> {
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        Authenticated::from_request_parts(&mut parts, &State(Arc::new(signer.verifier())))
            .await
            .map(|caller| caller.0.user.to_string())
            .map_err(|problem| (problem.status().as_u16(), problem.code()))
    }

    #[tokio::test]
    async fn a_bearer_token_needs_nothing_else() {
        let signer = signer();
        let bearer = format!("Bearer {}", token(&signer));
        assert_eq!(ask(&signer, "POST", &[("authorization", &bearer)]).await, Ok("alice".to_owned()));
        assert_eq!(ask(&signer, "GET", &[]).await, Err((401, "token-missing")));
        assert_eq!(ask(&signer, "GET", &[("authorization", "Basic YTpi")]).await, Err((401, "token-invalid")));
        assert_eq!(ask(&signer, "GET", &[("authorization", "Bearer")]).await, Err((401, "token-invalid")));
        let twice = [("authorization", bearer.as_str()), ("authorization", "Bearer x")];
        assert_eq!(ask(&signer, "POST", &twice).await, Err((401, "token-invalid")));
    }

    #[tokio::test]
    async fn a_cookie_is_taken_from_our_own_page_only() {
        let signer = signer();
        let cookie = format!("theme=dark; {TOKEN_COOKIE}={}", token(&signer));
        let (cookie, host) = (("cookie", cookie.as_str()), ("host", "chat.example:8080"));
        let (ours, foreign) = (("origin", "http://chat.example:8080"), ("origin", "http://evil.example"));
        let (csrf, upgrade) = ((CSRF_HEADER, "1"), ("upgrade", "websocket"));
        let alice = || Ok("alice".to_owned());
        let refused = || Err((403, "csrf-refused"));

        assert_eq!(ask(&signer, "GET", &[cookie, host]).await, alice());
        assert_eq!(ask(&signer, "POST", &[cookie, host, ours, csrf]).await, alice());
        assert_eq!(ask(&signer, "POST", &[cookie, host, ours]).await, refused());
        assert_eq!(ask(&signer, "POST", &[cookie, host, csrf]).await, refused());
        assert_eq!(ask(&signer, "DELETE", &[cookie, host, foreign, csrf]).await, refused());
        assert_eq!(ask(&signer, "GET", &[cookie, host, upgrade, ours]).await, alice());
        assert_eq!(ask(&signer, "GET", &[cookie, host, upgrade, foreign]).await, refused());
        assert_eq!(ask(&signer, "GET", &[cookie, host, upgrade]).await, refused());
    }
}
