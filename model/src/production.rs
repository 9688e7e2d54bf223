//! The protocol as it is in production.

pub use command_api::partition::{ownership, pending};
pub use domain::acceptance;
pub use node::Node;

#[path = "node.rs"]
mod node;
