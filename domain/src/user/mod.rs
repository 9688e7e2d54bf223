//! A person: one stream, keyed by the normalised user id.

mod command;
mod decide;
mod event;
mod evolve;
mod refusal;
mod state;

pub use command::Command;
pub use decide::decide;
pub use event::{Deactivated, Event, MuteChanged, Profile, ProfilePersonal, VisibilityChanged};
pub use refusal::Refusal;
pub use state::User;

/// The most rooms that one person may mute.
pub const MUTED_ROOMS_MAX: usize = 10_000;
