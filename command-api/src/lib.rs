//! The write side: commands come in over REST, become events in the log, and are acknowledged once they are effective there.
//!
//! # How to add a command
//!
//! 1. Add it to the aggregate's `command.rs` and decide it in `decide.rs` (crate `domain`).
//! 2. Add one file under `http/` with the route: parse, gather facts, [`bus::CommandBus::execute`], answer.
//! 3. Register the file in `http/mod.rs`: the router and its OpenAPI document are made from the same list.

pub mod bus;
pub mod cluster;
pub mod http;
pub mod partition;

pub use http::{internal_openapi, internal_router, openapi, router};
