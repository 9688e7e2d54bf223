//! Why the stream of two people says no.

use crate::command::RefusalKind;

/// A relation's refusal. Its code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// The actor is neither of the two.
    #[error("this is between two other people")]
    NotOneOfTheTwo,
    /// The other person does not exist, or has left for good.
    #[error("there is no such person")]
    PersonNotFound,
    /// One of the two blocks the other. It is not said which.
    #[error("one of the two has blocked the other")]
    Blocked,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotOneOfTheTwo => "not-one-of-the-two",
            Self::PersonNotFound => "person-not-found",
            Self::Blocked => "blocked",
        }
    }

    /// What kind of "no" it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::NotOneOfTheTwo => RefusalKind::Forbidden,
            Self::PersonNotFound => RefusalKind::NotFound,
            Self::Blocked => RefusalKind::Conflict,
        }
    }
}
