//! How sagas are looked for and counted.

use domain::Timestamp;

use super::Progress;

/// Which sagas to list. Nothing set: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<String>,
    /// As far as this.
    pub progress: Option<Progress>,
    /// About this one.
    pub subject: Option<String>,
    /// Begun before.
    pub begun_before: Option<Timestamp>,
    /// Running, with a step that began before.
    pub stuck_since: Option<Timestamp>,
}

/// How many sagas of a kind run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// The kind.
    pub kind: String,
    /// All that run.
    pub running: u64,
    /// Those of them whose step takes too long.
    pub stuck: u64,
}
