//! The routes under `/user`, and the internal ones for services and the command line.

mod accounts;
mod cookies;
mod deactivate;
mod jwks;
mod login;
mod logout;
mod me;
mod password;
mod register;
mod registration;
mod renew;
mod service_tokens;
mod sessions;
mod tokens;

use axum::routing::{delete, get, post, put};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Identity;

/// The public routes. Each also answers with a slash at its end; the document leaves that out.
pub fn router(identity: Identity) -> axum::Router {
    public()
        .split_for_parts()
        .0
        .route("/user/", post(register::register))
        .route("/user/registrations/{id}/", get(registration::registration))
        .route("/user/registrations/{id}/events/", get(registration::events))
        .route("/user/login/", post(login::login))
        .route("/user/token/", post(renew::renew))
        .route("/user/logout/", post(logout::logout))
        .route("/user/sessions/", get(sessions::list).delete(sessions::end_all))
        .route("/user/sessions/{id}/", delete(sessions::end))
        .route("/user/password/", put(password::change))
        .route("/user/me/", get(me::me).delete(deactivate::deactivate))
        .route("/user/.well-known/jwks.json/", get(jwks::jwks))
        .with_state(identity)
}

/// The internal routes.
pub fn internal_router(identity: Identity) -> axum::Router {
    internal().split_for_parts().0.with_state(identity)
}

/// The OpenAPI document of the public routes.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(public().into_openapi())
}

/// The OpenAPI document of the internal routes.
#[must_use]
pub fn internal_openapi() -> utoipa::openapi::OpenApi {
    infra::http::openapi::with_security(internal().into_openapi())
}

#[derive(utoipa::OpenApi)]
#[openapi(info(title = "Sarangbang: people", description = "Registration, sign-in, sessions and keys."))]
struct Document;

fn public() -> OpenApiRouter<Identity> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(register::register))
        .routes(routes!(registration::registration))
        .routes(routes!(registration::events))
        .routes(routes!(login::login))
        .routes(routes!(renew::renew))
        .routes(routes!(logout::logout))
        .routes(routes!(sessions::list, sessions::end_all))
        .routes(routes!(sessions::end))
        .routes(routes!(password::change))
        .routes(routes!(me::me, deactivate::deactivate))
        .routes(routes!(jwks::jwks))
}

fn internal() -> OpenApiRouter<Identity> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(tokens::issue))
        .routes(routes!(service_tokens::issue))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::disable))
        .routes(routes!(accounts::enable))
        .routes(routes!(accounts::reset_password))
        .routes(routes!(accounts::set_roles))
}
