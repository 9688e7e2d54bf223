//! The barest thing that does what a row of ours does, with what the row itself was given: nothing decided, nothing checked.

pub mod argon2;
pub mod copy;
pub mod fjall;
pub mod http;
pub mod kafka;
pub mod round_trip;
