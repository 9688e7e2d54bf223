//! What must hold however the system is set up.

pub mod conversation;
pub mod stream;
