//! Why a room says no.

use crate::command::RefusalKind;

/// A room's refusal. Its code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such room, or the actor may not know of it.
    #[error("there is no such room")]
    RoomNotFound,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RoomNotFound => "room-not-found",
        }
    }
    /// What kind of "no" it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::RoomNotFound => RefusalKind::NotFound,
        }
    }
}
