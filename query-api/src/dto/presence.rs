//! How people are to be found.

use domain::{Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;

/// How somebody is to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PresenceState {
    /// They look at an open page.
    Online,
    /// A page is open, and they do not look at it.
    Away,
    /// Neither; or they do not show it.
    Offline,
}

/// Somebody's presence, as friends are shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Presence {
    /// How they are to be found.
    pub state: PresenceState,
    /// When they were last seen; absent while they are there, when it is not known, and when they do not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_seen_at: Option<Timestamp>,
}

/// The presence of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PersonPresence {
    /// Whose.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// What.
    #[serde(flatten)]
    pub presence: Presence,
}

impl Presence {
    /// Of whom nothing is known, or may be said: the two look the same.
    pub const UNKNOWN: Self = Self { state: PresenceState::Offline, last_seen_at: None };
}

impl PersonPresence {
    /// The presence of `user_id`.
    #[must_use]
    pub const fn of(user_id: UserId, presence: Presence) -> Self {
        Self { user_id, presence }
    }
}
