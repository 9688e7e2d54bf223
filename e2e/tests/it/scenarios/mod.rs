//! What must hold however the system is set up.

pub mod accounts;
pub mod conversation;
pub mod cut_off;
pub mod presence;
pub mod stream;

/// A name that nobody has had before, since several scenarios share one system.
pub fn fresh(name: &str) -> String {
    format!("{name}-{}", infra::random::uuid_v4().simple())
}
