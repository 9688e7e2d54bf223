//! How two people stand to each other: one stream for the two, keyed by their sorted ids. Friendship needs both; a block needs one,
//! ends the friendship, and holds until the one who set it takes it back.

mod command;
mod decide;
mod event;
mod evolve;
mod refusal;
mod state;

pub use command::Command;
pub use decide::decide;
pub use event::{Blocked, Event, Step, Unblocked};
pub use refusal::Refusal;
pub use state::{Friendship, Relation};
