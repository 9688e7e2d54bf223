//! Infrastructure: ports, each beside its adapters. Only this crate names rdkafka, sqlx, elasticsearch and fjall.

pub mod clock;
pub mod config;
pub mod credentials;
mod database;
pub mod elasticsearch;
pub mod following;
pub mod http;
pub mod lifecycle;
pub mod log;
pub mod random;
pub mod read_model;
pub mod revocation;
pub mod saga_state;
pub mod search;
pub mod state_store;
pub mod telemetry;
pub mod tokens;
