//! Works on the sagas that are due: carries out what each wants, stores what became of it, and goes on until nothing is due.
//!
//! Invariants:
//! * before an attempt its count is stored, and its outcome before anything that rests on it;
//! * an outcome that nobody knows repeats the step and changes nothing else. It never compensates;
//! * a worker that lost its saga to another one, or to a change by the log, stores nothing over it.

use std::sync::Arc;
use std::time::Duration;

use domain::saga::{Outcome, Retry};
use infra::clock::Clock;
use infra::random::jitter;
use infra::saga_state::{Fault, Saga, SagaState, StepDone};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::act::{Act, Attempt};
use crate::process::{Effect, Input};
use crate::run::Run;

/// Sagas that are worked on at once.
const SAGAS_MAX: usize = 32;
/// The deadline of one attempt. A step that is cut off has an unknown outcome.
const ATTEMPT_DURATION_MAX: Duration = Duration::from_secs(20);
/// How long a saga is lent to a worker: longer than an attempt and storing its outcome take.
const LEASE_MS: i64 = 40_000;
/// How often somebody looks for what is due without having been told: pauses that are over, and what a node that died has left.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The longest pause after the database failed.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Works.
pub struct Worker {
    /// Where sagas are kept.
    pub state: Arc<dyn SagaState>,
    /// How their wishes are carried out.
    pub act: Arc<dyn Act>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Rung when there is something to do.
    pub due: Arc<Notify>,
    /// When a step of unknown outcome is tried again.
    pub retry: Retry,
}

impl Worker {
    /// Works until `stop`; then finishes the attempts that were begun.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut at_work = JoinSet::new();
        let mut failing = false;
        while !stop.is_cancelled() {
            while at_work.try_join_next().is_some() {}
            let free = u32::try_from(SAGAS_MAX.saturating_sub(at_work.len())).unwrap_or(0);
            let taken = match self.take(free).await {
                Ok(taken) => {
                    failing = false;
                    taken
                }
                Err(fault) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(%fault, "sagas that are due cannot be read; trying again");
                    }
                    tokio::time::sleep(jitter(PAUSE_MAX)).await;
                    continue;
                }
            };
            let more = taken.len() == free as usize;
            for saga in taken {
                let (worker, stop) = (Arc::clone(&self), stop.clone());
                at_work.spawn(async move { worker.work(saga, &stop).await });
            }
            tokio::select! {
                () = stop.cancelled() => {}
                Some(_) = at_work.join_next(), if more => {}
                () = self.due.notified(), if !more => {}
                () = tokio::time::sleep(LOOK_INTERVAL), if !more => {}
            }
        }
        while at_work.join_next().await.is_some() {}
    }

    async fn take(&self, limit: u32) -> Result<Vec<Saga>, Fault> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        self.state.take(limit, now, now.saturating_add_millis(LEASE_MS)).await
    }

    /// Works on one saga that was taken, until nothing of it is due or `stop`.
    pub async fn work(&self, saga: Saga, stop: &CancellationToken) {
        let id = saga.id;
        let mut run = match Run::read(saga) {
            Ok(run) => run,
            // It stays lent for a while and is looked at again: an older node may meet what a newer one has begun.
            Err(error) => return tracing::error!(%error, "a saga stands still"),
        };
        while let Some(effect) = run.process.react() {
            let attempt = tokio::time::timeout(ATTEMPT_DURATION_MAX, self.act.attempt(&run, &effect)).await;
            let attempt = attempt.unwrap_or_else(|_| Attempt::Unknown("it took too long".to_owned()));
            match self.settle(run, &effect, attempt, stop).await {
                Ok(Some(next)) => run = next,
                Ok(None) => return,
                // Lent until the lease is over; then the step is repeated.
                Err(fault) => return tracing::warn!(saga = %id, %fault, "what became of a step cannot be stored"),
            }
        }
    }

    /// Stores what became of an attempt. Gives the run that may go on at once.
    async fn settle(&self, run: Run, effect: &Effect, attempt: Attempt, stop: &CancellationToken) -> Result<Option<Run>, Fault> {
        let mut run = run;
        loop {
            let kind = run.process.kind();
            let now = self.clock.now();
            let (next, done) = self.after(run, effect, &attempt, now, stop);
            match self.state.put(next.saga.clone(), done.as_ref()).await {
                Ok(saga) => {
                    count(kind, &next, done.as_ref());
                    let goes_on = saga.leased_until > now;
                    return Ok(goes_on.then_some(Run { saga, process: next.process }));
                }
                // By the log, or by another worker. What became of the step is true all the same, if it still is the step.
                Err(Fault::SagaChanged(id)) => match self.state.find(&[id]).await?.pop().map(Run::read) {
                    Some(Ok(fresh)) if fresh.process.react().as_ref() == Some(effect) => run = fresh,
                    _ => return Ok(None),
                },
                Err(fault) => return Err(fault),
            }
        }
    }

    fn after(
        &self,
        run: Run,
        effect: &Effect,
        attempt: &Attempt,
        now: domain::Timestamp,
        stop: &CancellationToken,
    ) -> (Run, Option<StepDone>) {
        let (problem, made) = match attempt {
            Attempt::Known(input) if *input != Input::Taken(Outcome::Unknown) => {
                let until = (!stop.is_cancelled()).then(|| now.saturating_add_millis(LEASE_MS));
                let (next, done) = run.done(effect, input, now, until);
                return (next, Some(done));
            }
            Attempt::Known(_) => ("its outcome is not known".to_owned(), true),
            Attempt::NotMade(problem) => (problem.clone(), false),
            Attempt::Unknown(problem) => (problem.clone(), true),
        };
        let longest = Duration::from_millis(self.retry.pause_ms(run.saga.attempts).into());
        let pause = longest / 2 + jitter(longest / 2);
        tracing::info!(saga = %run.saga.id, kind = run.process.kind(), step = effect.name(), attempts = run.saga.attempts, problem, "a step is tried again");
        let pause_ms = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX);
        (run.again(problem, made, now, pause_ms), None)
    }
}

fn count(kind: &'static str, next: &Run, done: Option<&StepDone>) {
    use infra::saga_state::Progress;
    if done.is_none() {
        metrics::counter!("sarangbang_saga_steps_repeated_total", "kind" => kind).increment(1);
        return;
    }
    match next.saga.progress {
        Progress::Running | Progress::Resting => {}
        ended => {
            metrics::counter!("sarangbang_sagas_ended_total", "kind" => kind, "how" => ended.word()).increment(1);
            let ms = next.saga.changed_at.as_millis().saturating_sub(next.saga.begun_at.as_millis()).max(0);
            metrics::histogram!("sarangbang_saga_seconds", "kind" => kind).record(Duration::from_millis(ms.cast_unsigned()));
            let reason = next.saga.reason.as_deref().unwrap_or_default();
            tracing::debug!(saga = %next.saga.id, kind, how = ended.word(), reason, steps = next.saga.step, "a saga is over");
        }
    }
}
