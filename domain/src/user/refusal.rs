//! Why a user stream says no.

use crate::command::RefusalKind;

/// A user's refusal. Its code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such person.
    #[error("there is no such person")]
    UserNotFound,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UserNotFound => "user-not-found",
        }
    }
    /// What kind of "no" it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::UserNotFound => RefusalKind::NotFound,
        }
    }
}
