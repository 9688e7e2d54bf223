//! The life of a process: tasks that belong together, and a stop in a stated order within a stated time.
//!
//! Invariants:
//! * a task that ends although nobody asked it to, well or badly, takes the process down with an error: half a process that
//!   looks alive is worse than none, since what starts it again cannot see that it must;
//! * a stop ends the [`Stage`]s one after another: first nothing new comes in, then what was begun is finished, and what others
//!   need for that ends last;
//! * a second signal, or the end of the time that draining may take, ends the process at once. Nothing acknowledged is lost by
//!   that: it is in the log.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// When a task is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// First: what lets work in, such as the public listener.
    Intake,
    /// Then: what does the work, such as the partitions' owners and the projectors.
    Work,
    /// Last: what the others need until their end, such as the internal listener.
    Support,
}

impl Stage {
    const ORDER: [Self; 3] = [Self::Intake, Self::Work, Self::Support];
}

/// What a task ends with; any error does.
pub type TaskResult = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Why a process ends other than by a planned stop.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A task failed.
    #[error("{task} failed: {reason}")]
    Failed {
        /// Its name.
        task: &'static str,
        /// What it said.
        reason: String,
    },
    /// A task ended although nobody asked it to.
    #[error("{0} ended although nobody asked it to")]
    Ended(&'static str),
    /// The stop took longer than allowed.
    #[error("not everything could be finished within {0:?}: {1} was stopped where it stood")]
    TooSlow(Duration, String),
    /// A second signal came.
    #[error("stopped at once by a second signal")]
    Forced,
}

/// The tasks of a process.
pub struct Lifecycle {
    stages: HashMap<Stage, CancellationToken>,
    tasks: JoinSet<TaskResult>,
    names: HashMap<Id, (Stage, &'static str)>,
    drain_max: Duration,
}

impl Lifecycle {
    /// No tasks yet; a stop may take `drain_max`.
    #[must_use]
    pub fn new(drain_max: Duration) -> Self {
        let stages = Stage::ORDER.into_iter().map(|stage| (stage, CancellationToken::new())).collect();
        Self { stages, tasks: JoinSet::new(), names: HashMap::new(), drain_max }
    }

    /// Cancelled when `stage` is to end.
    #[must_use]
    pub fn token(&self, stage: Stage) -> CancellationToken {
        self.stages.get(&stage).cloned().unwrap_or_default()
    }

    /// Starts a task. It must end, well, soon after its token is cancelled, and not before.
    pub fn spawn<F>(&mut self, stage: Stage, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = TaskResult> + Send + 'static,
    {
        let handle = self.tasks.spawn(task(self.token(stage)));
        self.names.insert(handle.id(), (stage, name));
    }

    /// Runs until a signal comes or a task ends, then stops everything.
    ///
    /// # Errors
    /// [`Failure`]: the first thing that was not as planned.
    pub async fn run(mut self, mut signals: mpsc::Receiver<&'static str>) -> Result<(), Failure> {
        let mut failure = tokio::select! {
            signal = next_signal(&mut signals) => {
                info!(signal, drain_ms_max = self.drain_max.as_millis(), "stopping");
                None
            }
            Some(ended) = self.tasks.join_next_with_id() => {
                let failure = self.unplanned(ended);
                warn!(%failure, "stopping");
                Some(failure)
            }
        };
        let drained = tokio::time::timeout(self.drain_max, self.drain(&mut failure, &mut signals)).await;
        match drained {
            Ok(Ok(())) => {}
            Ok(Err(forced)) => return Err(forced),
            Err(_) => {
                let mut left: Vec<_> = self.names.values().map(|(_, name)| *name).collect();
                left.sort_unstable();
                failure.get_or_insert(Failure::TooSlow(self.drain_max, left.join(", ")));
            }
        }
        self.tasks.abort_all();
        failure.map_or(Ok(()), Err)
    }

    async fn drain(&mut self, failure: &mut Option<Failure>, signals: &mut mpsc::Receiver<&'static str>) -> Result<(), Failure> {
        for stage in Stage::ORDER {
            self.token(stage).cancel();
            while self.names.values().any(|(of, _)| *of == stage) {
                tokio::select! {
                    _ = next_signal(signals) => return Err(Failure::Forced),
                    Some(ended) = self.tasks.join_next_with_id() => {
                        let (of, result) = self.ended(ended);
                        if let Err(wrong) = result && failure.is_none() {
                            *failure = Some(wrong);
                        } else if of > stage && failure.is_none() {
                            warn!(?of, "a task ended before its turn");
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn unplanned(&mut self, ended: Result<(Id, TaskResult), JoinError>) -> Failure {
        let name = self.name(&ended).1;
        self.ended(ended).1.err().unwrap_or(Failure::Ended(name))
    }

    fn name(&self, ended: &Result<(Id, TaskResult), JoinError>) -> (Stage, &'static str) {
        let id = match ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        self.names.get(&id).copied().unwrap_or((Stage::Support, "a task"))
    }

    fn ended(&mut self, ended: Result<(Id, TaskResult), JoinError>) -> (Stage, Result<(), Failure>) {
        let (stage, task) = self.name(&ended);
        let (id, result) = match ended {
            Ok((id, result)) => (id, result.map_err(|error| Failure::Failed { task, reason: chain(&*error) })),
            Err(error) => (error.id(), Err(Failure::Failed { task, reason: error.to_string() })),
        };
        self.names.remove(&id);
        (stage, result)
    }
}

/// An error with all its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Waits for ever once nobody can signal any more.
async fn next_signal(signals: &mut mpsc::Receiver<&'static str>) -> &'static str {
    match signals.recv().await {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}

/// The signals that ask this process to stop, `SIGTERM` and `SIGINT`, from now on.
///
/// # Errors
/// When the system refuses to hand them over.
pub fn signals() -> std::io::Result<mpsc::Receiver<&'static str>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // Two are enough: the second ends the process.
    let (sender, receiver) = mpsc::channel(2);
    tokio::spawn(async move {
        loop {
            let name = tokio::select! {
                Some(()) = terminate.recv() => "SIGTERM",
                Some(()) = interrupt.recv() => "SIGINT",
                else => return,
            };
            if sender.send(name).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_stop_ends_the_stages_in_their_order() {
        let (send, signals) = mpsc::channel(2);
        let mut lifecycle = Lifecycle::new(LONG);
        let order = Arc::new(Mutex::new(Vec::new()));
        for (stage, name) in [(Stage::Support, "internal"), (Stage::Intake, "public"), (Stage::Work, "owner")] {
            let order = Arc::clone(&order);
            lifecycle.spawn(stage, name, |stop| async move {
                stop.cancelled().await;
                order.lock().unwrap().push(name);
                Ok(())
            });
        }
        send.send("SIGTERM").await.unwrap();
        lifecycle.run(signals).await.unwrap();
        assert_eq!(*order.lock().unwrap(), ["public", "owner", "internal"]);
    }

    #[tokio::test]
    async fn a_task_that_ends_by_itself_takes_the_others_down() {
        for (task, expected) in [("fail", "tail failed: lost"), ("end", "tail ended although"), ("panic", "tail failed: task")] {
            let (_send, signals) = mpsc::channel(2);
            let mut lifecycle = Lifecycle::new(LONG);
            lifecycle.spawn(Stage::Work, "tail", |_| async move {
                match task {
                    "fail" => Err("lost".into()),
                    "end" => Ok(()),
                    _ => panic!("on purpose"),
                }
            });
            lifecycle.spawn(Stage::Intake, "public", |stop| async move {
                stop.cancelled().await;
                Ok(())
            });
            let failure = lifecycle.run(signals).await.unwrap_err().to_string();
            assert!(failure.starts_with(expected), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_second_signal_does_not_wait() {
        let (send, signals) = mpsc::channel(2);
        let mut lifecycle = Lifecycle::new(LONG);
        lifecycle.spawn(Stage::Work, "stubborn", |_| std::future::pending());
        send.send("SIGINT").await.unwrap();
        send.send("SIGINT").await.unwrap();
        assert!(matches!(lifecycle.run(signals).await, Err(Failure::Forced)));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_named() {
        const SHORT: Duration = Duration::from_millis(20);
        let (send, signals) = mpsc::channel(2);
        let mut lifecycle = Lifecycle::new(SHORT);
        lifecycle.spawn(Stage::Work, "stubborn", |_| std::future::pending());
        send.send("SIGINT").await.unwrap();
        let failure = lifecycle.run(signals).await.unwrap_err();
        assert!(matches!(&failure, Failure::TooSlow(SHORT, left) if left == "stubborn"), "{failure}");
    }
}
