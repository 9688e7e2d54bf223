//! Why a user stream says no.

use super::MUTED_ROOMS_MAX;
use crate::command::RefusalKind;

/// A user's refusal. Its code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// There is no such person.
    #[error("there is no such person")]
    UserNotFound,
    /// The user id is taken.
    #[error("this user id is taken")]
    UserExists,
    /// The person left for good.
    #[error("this person has left for good")]
    UserDeactivated,
    /// As many rooms are muted as may be.
    #[error("at most {MUTED_ROOMS_MAX} rooms can be muted")]
    TooManyMuted,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UserNotFound => "user-not-found",
            Self::UserExists => "user-exists",
            Self::UserDeactivated => "user-deactivated",
            Self::TooManyMuted => "too-many-muted",
        }
    }
    /// What kind of "no" it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::UserNotFound => RefusalKind::NotFound,
            Self::UserExists | Self::UserDeactivated | Self::TooManyMuted => RefusalKind::Conflict,
        }
    }
}
