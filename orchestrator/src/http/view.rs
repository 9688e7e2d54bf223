//! A saga as it is shown.

use domain::Timestamp;
use domain::saga::Retry;
use infra::saga_state::{Saga, StepDone};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A saga.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Saga)]
pub struct SagaView {
    /// Its id, which is also the correlation id of all that it causes.
    id: Uuid,
    /// `registration`, `deactivation` or `direct-room`.
    kind: String,
    /// Whom it is about: a user id, or two with a colon between them.
    subject: String,
    /// `running`, `resting` (until something happens in the log), `completed`, `compensated` or `aborted`.
    state: &'static str,
    /// Whether its step has been under way for too long. It is tried all the same.
    stuck: bool,
    /// Why it was compensated.
    reason: Option<String>,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    /// When it was changed last.
    #[schema(value_type = String, format = DateTime)]
    changed_at: Timestamp,
    /// How many steps are over.
    steps: u64,
    /// The step under way.
    step: Option<StepUnderWay>,
    /// The message or event that it learnt from last.
    causation_id: Option<Uuid>,
    /// W3C trace context of the request that began it.
    traceparent: Option<String>,
}

/// The step that a saga is at.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepUnderWay {
    /// Its name.
    name: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    /// When it is tried next.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// How often it was tried.
    attempts: u32,
    /// How many of these attempts have an outcome that nobody knows. While there is one, the saga cannot be aborted.
    unresolved: u32,
    /// What was wrong with the last attempt.
    problem: Option<String>,
}

/// A step that is over.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SagaStep)]
pub struct StepView {
    /// Its number within the saga, from 0.
    number: u64,
    /// Its name.
    name: String,
    /// What became of it: `done`, or the code of the refusal.
    outcome: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    begun_at: Timestamp,
    /// When its outcome was known.
    #[schema(value_type = String, format = DateTime)]
    ended_at: Timestamp,
    /// How often it was tried.
    attempts: u32,
    /// The command that took it, where it was a command: `ce_commandid` of the event.
    command_id: Option<Uuid>,
    /// The message or event that made it necessary.
    causation_id: Option<Uuid>,
}

impl SagaView {
    /// As it is seen at `now`.
    pub fn of(saga: Saga, retry: Retry, now: Timestamp) -> Self {
        let stuck_before = now.saturating_add_millis(-i64::from(retry.stuck_after_ms));
        let step = saga.due_at.zip(saga.step_name).map(|(due_at, name)| StepUnderWay {
            name,
            begun_at: saga.step_begun_at,
            due_at,
            attempts: saga.attempts,
            unresolved: saga.unresolved,
            problem: saga.problem,
        });
        Self {
            id: saga.id.as_uuid(),
            kind: saga.kind,
            subject: saga.subject,
            state: saga.progress.word(),
            stuck: step.as_ref().is_some_and(|step| step.begun_at < stuck_before),
            reason: saga.reason,
            begun_at: saga.begun_at,
            changed_at: saga.changed_at,
            steps: saga.step,
            step,
            causation_id: saga.cause,
            traceparent: saga.traceparent,
        }
    }
}

impl From<StepDone> for StepView {
    fn from(step: StepDone) -> Self {
        let StepDone { number, name, outcome, begun_at, ended_at, attempts, command_id, cause } = step;
        Self { number, name, outcome, begun_at, ended_at, attempts, command_id, causation_id: cause }
    }
}
