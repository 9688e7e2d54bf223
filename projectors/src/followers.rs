//! The tasks that follow partitions: started and stopped as what is wanted changes, and started again where one ends by itself.

use std::collections::{BTreeSet, HashMap};

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::partition::Feed;
use crate::{Progress, Status};

/// The followers of one projector on this node.
pub(crate) struct Followers {
    /// For the lines of the log: "projecting".
    work: &'static str,
    status: Status,
    tasks: JoinSet<()>,
    running: HashMap<Feed, (Id, CancellationToken)>,
}

impl Followers {
    pub(crate) fn new(work: &'static str, status: Status) -> Self {
        Self { work, status, tasks: JoinSet::new(), running: HashMap::new() }
    }

    /// Tells those to stop that are not wanted, and `given_up` of each; starts by `follow` those that do not run.
    pub(crate) fn reconcile<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        wanted: &BTreeSet<Feed>,
        follow: impl Fn(Feed, CancellationToken) -> F,
        given_up: impl Fn(Feed),
    ) {
        let (work, status) = (self.work, &self.status);
        self.running.retain(|feed, (_, stop)| {
            let keep = wanted.contains(feed);
            if !keep {
                stop.cancel();
                status.forget(*feed);
                given_up(*feed);
                info!(partition = %feed.partition, generation = %feed.generation, "no longer {work}");
            }
            keep
        });
        for feed in wanted {
            if !self.running.contains_key(feed) {
                status.change(*feed, |progress| *progress = Progress::default());
                let stop = CancellationToken::new();
                let task = self.tasks.spawn(follow(*feed, stop.clone()));
                self.running.insert(*feed, (task.id(), stop));
                info!(partition = %feed.partition, generation = %feed.generation, "{work}");
            }
        }
    }

    /// Waits until one has ended; nothing where none runs.
    pub(crate) async fn one_ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        self.ended(&ended);
        Some(())
    }

    /// Lets each finish its batch.
    pub(crate) async fn stop(&mut self) {
        self.running.values().for_each(|(_, stop)| stop.cancel());
        while self.one_ended().await.is_some() {}
    }

    fn ended(&mut self, ended: &Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(fault) => {
                error!(%fault, "{} ended abnormally; it is started again", self.work);
                fault.id()
            }
        };
        self.running.retain(|_, (running, _)| *running != id);
    }
}
