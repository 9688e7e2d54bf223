//! What every HTTP service of ours shares: strict ways in, one form of error out, and the layers around.
//!
//! # How to add a route
//!
//! 1. One file a route: a handler with [`Authenticated`], [`Path`], [`Query`] and [`Json`], which refuse by themselves, and
//!    `#[utoipa::path]` above it.
//! 2. Errors are [`Problem`]s; a new code gets its row in `codes.rs`, and `docs/problems.md` is made anew.
//! 3. `server` merges the routers of all services and wraps them once with [`layers::complete`].

pub mod auth;
pub mod client;
mod codes;
mod form;
pub mod internal;
pub mod json;
pub mod layers;
pub mod object;
pub mod openapi;
mod parts;
pub mod problem;
pub mod read_token;
pub mod trace;

pub use auth::Authenticated;
pub use json::Json;
pub use layers::Limits;
pub use object::Object;
pub use parts::{Path, Query};
pub use problem::Problem;
pub use read_token::{ReadAfter, ReadToken};
