//! The routes under `/user`, and the internal one for tools.

mod cookie;
mod jwks;
pub mod local;
mod login;
mod logout;
mod me;
mod register;
mod tokens;

use axum::http::StatusCode;
use axum::routing::{get, post};
use infra::http::Problem;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AuthApi;
use crate::people::Fault;

/// The public routes. Each also answers with a slash at its end; the document leaves that out.
pub fn router(api: AuthApi) -> axum::Router {
    public()
        .split_for_parts()
        .0
        .route("/user/", post(register::register))
        .route("/user/login/", post(login::login))
        .route("/user/logout/", post(logout::logout))
        .route("/user/me/", get(me::me))
        .route("/user/.well-known/jwks.json/", get(jwks::jwks))
        .with_state(api)
}

/// The internal route.
pub fn internal_router(api: AuthApi) -> axum::Router {
    internal().split_for_parts().0.with_state(api)
}

/// The OpenAPI document of the public routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(public().into_openapi())
}

/// The OpenAPI document of the internal route.
#[must_use]
pub fn internal_openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(internal().into_openapi())
}

#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Sarangbang: people",
    description = "The development sign-in: a user id is all it asks for, on this machine alone."
))]
struct Document;

fn public() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(logout::logout))
        .routes(routes!(me::me))
        .routes(routes!(jwks::jwks))
}

fn internal() -> OpenApiRouter<AuthApi> {
    OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(tokens::issue))
}

/// The one mapping of the other service's faults to HTTP.
fn problem_of(fault: Fault) -> Problem {
    match fault {
        Fault::Refused { code, detail } => {
            let status = StatusCode::from_u16(code.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            let problem = Problem::new(status, code.code);
            match detail {
                Some(detail) => problem.detail(detail),
                None => problem,
            }
        }
        Fault::Unreachable => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service-unavailable"),
    }
}
