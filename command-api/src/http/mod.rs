//! The routes of the write side. One file a route (or the two of one thing); what they share is here and in the files named so.
//!
//! A route parses its request into the domain's types, gathers facts of other streams, makes one [`domain::Command`] and hands it
//! to the [`CommandBus`]. It decides nothing.
//!
//! Deliberately absent: a route that makes two commands. One request is one command is at most one event, so a request can never
//! be half done.

mod answer;
mod asked;
mod blocks;
mod facts;
mod fault;
mod friends;
mod idempotency;
mod internal_commands;
mod internal_users;
mod members;
mod message;
mod params;
mod people;
mod rate_limit;
mod reactions;
mod read;
mod read_positions;
mod room;
mod rooms;
mod send_message;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRef;
use axum::middleware::from_fn;
use infra::clock::Clock;
use infra::tokens::Verifier;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use read_positions::{LogReadPositions, ReadPosition, ReadPositions};

use crate::bus::CommandBus;
use rate_limit::RateLimit;

/// Settings of the routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long the bus may take for one command, or one question, before the answer is 503.
    pub command_duration_max: Duration,
    /// How many commands a second one person may send in the long run.
    pub commands_per_second: NonZeroU32,
    /// How many commands one person may send at once.
    pub commands_burst: NonZeroU32,
    /// Of how many people the rate is remembered at a time.
    pub rate_limited_people_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            command_duration_max: Duration::from_secs(10),
            commands_per_second: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            commands_burst: NonZeroU32::new(60).unwrap_or(NonZeroU32::MIN),
            rate_limited_people_max: 100_000,
        }
    }
}

/// What every route works with.
#[derive(Clone)]
pub(crate) struct Api {
    bus: Arc<dyn CommandBus>,
    reads: Arc<dyn ReadPositions>,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
    rate_limit: Arc<RateLimit>,
    options: Options,
}

impl FromRef<Api> for Arc<Verifier> {
    fn from_ref(api: &Api) -> Self {
        Self::clone(&api.verifier)
    }
}

/// What [`router`] and [`internal_router`] need.
#[derive(Clone)]
pub struct Parts {
    /// Takes the commands.
    pub bus: Arc<dyn CommandBus>,
    /// Takes the read positions.
    pub reads: Arc<dyn ReadPositions>,
    /// Knows whose token is good.
    pub verifier: Arc<Verifier>,
    /// Tells the time of read positions.
    pub clock: Arc<dyn Clock>,
    /// The settings.
    pub options: Options,
}

impl Parts {
    fn api(self) -> Api {
        let Self { bus, reads, verifier, clock, options } = self;
        Api { bus, reads, verifier, clock, rate_limit: Arc::new(RateLimit::new(&options)), options }
    }
}

/// The public routes, for the listener that the gateway knows.
pub fn router(parts: Parts) -> axum::Router {
    public().split_for_parts().0.layer(from_fn(idempotency::layer)).with_state(parts.api())
}

/// The internal routes: registering and looking up people, and the steps of sagas, for services and tools of ours.
pub fn internal_router(parts: Parts) -> axum::Router {
    internal().split_for_parts().0.layer(from_fn(idempotency::layer)).with_state(parts.api())
}

/// The OpenAPI document of the public routes. It cannot differ from [`router`]: both are made from the same list.
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
#[openapi(
    info(title = "Sarangbang: commands", description = "The write side. Every request is one command and yields at most one event."),
    security(("bearer" = []), ("cookie" = []))
)]
struct Document;

fn public() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .merge(rooms::routes())
        .routes(routes!(room::change))
        .routes(routes!(room::archive))
        .routes(routes!(members::put, members::change, members::remove))
        .merge(send_message::routes())
        .merge(message::routes())
        .routes(routes!(reactions::add, reactions::remove))
        .routes(routes!(read::put))
        .routes(routes!(people::change))
        .routes(routes!(friends::put, friends::remove))
        .routes(routes!(blocks::put, blocks::remove))
}

fn internal() -> OpenApiRouter<Api> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(internal_users::register))
        .routes(routes!(internal_users::get))
        .routes(routes!(internal_commands::execute))
}
