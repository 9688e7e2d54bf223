//! One run of a saga between its row and its process: pure. What is stored after each thing that happens.

use domain::Timestamp;
use domain::saga::{Outcome, SagaId};
use infra::following::Hindrance;
use infra::saga_state::{Progress, Saga, StepDone};
use uuid::Uuid;

use crate::process::{Effect, End, Input, Process};

/// A saga with its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The row, as it was read or will be stored.
    pub saga: Saga,
    /// What it remembers.
    pub process: Process,
}

/// What is stored of a process cannot be read: a later version of the program has written it.
#[derive(Debug, thiserror::Error)]
#[error("the process of the saga {saga} cannot be read: {reason}")]
pub struct Unreadable {
    saga: SagaId,
    reason: String,
}

impl From<Unreadable> for Hindrance {
    fn from(unreadable: Unreadable) -> Self {
        Self::Lasting(unreadable.to_string())
    }
}

impl Run {
    /// A saga that begins at `now`; nothing is stored yet.
    #[must_use]
    pub fn begin(id: SagaId, process: Process, traceparent: Option<String>, now: Timestamp) -> Self {
        let saga = Saga {
            id,
            kind: process.kind().to_owned(),
            subject: process.subject(),
            process: String::new(),
            progress: Progress::Running,
            reason: None,
            cause: None,
            traceparent,
            begun_at: now,
            changed_at: now,
            step: 0,
            step_name: None,
            step_begun_at: now,
            due_at: None,
            leased_until: Timestamp::default(),
            attempts: 0,
            unresolved: 0,
            problem: None,
            revision: 0,
        };
        Self { saga, process }
    }

    /// Reads what is stored.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read(saga: Saga) -> Result<Self, Unreadable> {
        match serde_json::from_str(&saga.process) {
            Ok(process) => Ok(Self { saga, process }),
            Err(error) => Err(Unreadable { saga: saga.id, reason: error.to_string() }),
        }
    }

    /// The log has said something to the process (`change`), by the record `cause`. A step that is under way stays so.
    pub fn learn(&mut self, cause: Uuid, now: Timestamp, change: impl FnOnce(&mut Process)) {
        let before = self.process.react();
        change(&mut self.process);
        self.saga.cause = Some(cause);
        if self.saga.revision == 0 || self.process.react() != before {
            self.enter(now);
        }
        self.stamp(now);
    }

    /// The effect under way is over, with `input`. What comes next may be tried by the same worker at once, until `until`.
    #[must_use]
    pub fn done(mut self, effect: &Effect, input: &Input, now: Timestamp, until: Option<Timestamp>) -> (Self, StepDone) {
        let command_id = match effect {
            Effect::Take(step) => Some(self.saga.id.command(step).as_uuid()),
            _ => None,
        };
        let done = StepDone {
            number: self.saga.step,
            name: effect.name(),
            outcome: outcome_of(input),
            begun_at: self.saga.step_begun_at,
            ended_at: now,
            attempts: self.saga.attempts,
            command_id,
            cause: self.saga.cause,
        };
        self.process.evolve(input);
        self.saga.step += 1;
        self.enter(now);
        match until {
            Some(until) if self.saga.due_at.is_some_and(|due| due <= now) => {
                self.saga.leased_until = until;
                self.saga.attempts = 1;
                self.saga.unresolved = 1;
            }
            _ => {}
        }
        self.stamp(now);
        (self, done)
    }

    /// The attempt came to nothing that is known; it is made again after `pause_ms`. `made` says whether it may have been carried out.
    #[must_use]
    pub fn again(mut self, problem: String, made: bool, now: Timestamp, pause_ms: i64) -> Self {
        if !made {
            self.saga.unresolved = self.saga.unresolved.saturating_sub(1);
        }
        self.saga.problem = Some(problem);
        self.saga.due_at = Some(now.saturating_add_millis(pause_ms));
        self.saga.leased_until = Timestamp::default();
        self.stamp(now);
        self
    }

    /// Whether an administrator may give up on it now: what was tried must not turn out later to have happened.
    #[must_use]
    pub const fn may_be_aborted(&self) -> bool {
        self.process.may_be_aborted() && self.saga.unresolved == 0
    }

    /// An administrator gives up on it.
    #[must_use]
    pub fn aborted(mut self, now: Timestamp) -> Self {
        self.process.evolve(&Input::Aborted);
        self.enter(now);
        self.stamp(now);
        self
    }

    /// An administrator wants it tried now.
    #[must_use]
    pub fn retried(mut self, now: Timestamp) -> Self {
        if self.saga.due_at.is_some() {
            self.saga.due_at = Some(now);
            self.saga.leased_until = Timestamp::default();
        }
        self
    }

    /// The process wants something else from now on.
    fn enter(&mut self, now: Timestamp) {
        let effect = self.process.react();
        let saga = &mut self.saga;
        saga.step_name = effect.as_ref().map(Effect::name);
        saga.step_begun_at = now;
        saga.leased_until = Timestamp::default();
        saga.attempts = 0;
        saga.unresolved = 0;
        saga.problem = None;
        saga.due_at = effect.map(|effect| match effect {
            Effect::Wait(pause_ms) => now.saturating_add_millis(pause_ms.into()),
            _ => now,
        });
        (saga.progress, saga.reason) = match self.process.end() {
            None if saga.due_at.is_some() => (Progress::Running, None),
            None => (Progress::Resting, None),
            Some(End::Completed) => (Progress::Completed, None),
            Some(End::Compensated(reason)) => (Progress::Compensated, Some(reason.to_string())),
            Some(End::Aborted) => (Progress::Aborted, None),
        };
    }

    fn stamp(&mut self, now: Timestamp) {
        self.saga.changed_at = now;
        // Our own types always serialise: their maps have string keys and no serialiser of theirs fails.
        self.saga.process = serde_json::to_string(&self.process).unwrap_or_default();
    }
}

fn outcome_of(input: &Input) -> String {
    match input {
        Input::Taken(Outcome::Refused(reason)) => reason.to_string(),
        Input::Taken(Outcome::Done | Outcome::Unknown) | Input::Told | Input::Waited => "done".to_owned(),
        Input::Rooms(rooms) => format!("{} rooms", rooms.len()),
        Input::Heir(heir) => heir.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string),
        Input::Aborted => "aborted".to_owned(),
    }
}
