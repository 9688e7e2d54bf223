//! One run of a saga, as it is kept.

use std::fmt;
use std::str::FromStr;

use domain::Timestamp;
use domain::saga::SagaId;
use uuid::Uuid;

/// How far a saga is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Progress {
    /// A step is under way.
    Running,
    /// Nothing to do until something happens in the log.
    Resting,
    /// Over: all of it is done.
    Completed,
    /// Over: it was refused, and what it had begun was taken back.
    Compensated,
    /// Over: an administrator gave up on it, and what it had begun was taken back.
    Aborted,
}

impl Progress {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Running, Self::Resting, Self::Completed, Self::Compensated, Self::Aborted];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Resting => "resting",
            Self::Completed => "completed",
            Self::Compensated => "compensated",
            Self::Aborted => "aborted",
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// It is no progress of a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a saga is running, resting, completed, compensated or aborted")]
pub struct UnknownWord;

impl FromStr for Progress {
    type Err = UnknownWord;
    fn from_str(raw: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|progress| progress.word() == raw).ok_or(UnknownWord)
    }
}

/// One run of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saga {
    /// Which one.
    pub id: SagaId,
    /// The kind, as people and metrics name it.
    pub kind: String,
    /// Whom it is about.
    pub subject: String,
    /// What its process manager remembers, JSON.
    pub process: String,
    /// How far it is.
    pub progress: Progress,
    /// Why it was compensated.
    pub reason: Option<String>,
    /// The message or event that it learnt from last.
    pub cause: Option<Uuid>,
    /// W3C trace context of the request that began it.
    pub traceparent: Option<String>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Timestamp,
    /// How many steps are over.
    pub step: u64,
    /// The step under way.
    pub step_name: Option<String>,
    /// When that step began.
    pub step_begun_at: Timestamp,
    /// When it is tried (again); nothing where no step is under way.
    pub due_at: Option<Timestamp>,
    /// Until when it is lent to a worker.
    pub leased_until: Timestamp,
    /// How often the step was tried, the attempt that is being made included.
    pub attempts: u32,
    /// How many of these attempts have an outcome that nobody knows.
    pub unresolved: u32,
    /// What was wrong with the last attempt.
    pub problem: Option<String>,
    /// Counts changes; 0 for one that is not stored yet.
    pub revision: u64,
}

/// A step that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepDone {
    /// Its number within the saga, from 0.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// What became of it: `done`, or the code of the refusal.
    pub outcome: String,
    /// When it began.
    pub begun_at: Timestamp,
    /// When its outcome was known.
    pub ended_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// The command that took it, where it was a command.
    pub command_id: Option<Uuid>,
    /// The message or event that made it necessary.
    pub cause: Option<Uuid>,
}
