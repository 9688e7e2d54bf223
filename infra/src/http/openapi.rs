//! What the OpenAPI documents of all services share.

use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::auth::TOKEN_COOKIE;
use super::problem::{Body, FieldError};

/// The problems that a route may answer with, for `responses(…)` of `#[utoipa::path]`.
#[derive(utoipa::IntoResponses)]
pub enum Problems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Body),
    /// Not signed in.
    #[response(status = 401, content_type = "application/problem+json")]
    NotSignedIn(Body),
    /// Not allowed.
    #[response(status = 403, content_type = "application/problem+json")]
    NotAllowed(Body),
    /// There is no such thing, or the caller may not know of it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Body),
    /// The state does not allow it.
    #[response(status = 409, content_type = "application/problem+json")]
    Refused(Body),
    /// Too large.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Body),
    /// The body is not `application/json`.
    #[response(status = 415, content_type = "application/problem+json")]
    NotJson(Body),
    /// Valid JSON with an invalid value, or an idempotency key used for another request.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Body),
    /// Too many requests; see `Retry-After`.
    #[response(status = 429, content_type = "application/problem+json")]
    TooMany(Body),
    /// Not possible now; see `Retry-After`.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Body),
}

/// Adds the schema of problems, which [`Problems`] refer to, and the two ways of signing in, named `bearer` and `cookie` in
/// `security(…)` of `#[utoipa::path]`.
#[must_use]
pub fn with_security(mut openapi: OpenApi) -> OpenApi {
    let components = openapi.components.get_or_insert_default();
    components.schemas.insert(Body::name().into_owned(), Body::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let cookie =
        ApiKeyValue::with_description(TOKEN_COOKIE, "set by the sign-in; writing requests also need `X-Sarangbang-Csrf: 1`");
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    openapi
}
