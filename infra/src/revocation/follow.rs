//! Follows the topic `revoked.v1` for as long as the process lives.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Revocation, Revocations};
use crate::clock::Clock;
use crate::log::{Fault, Log, Offset, Topic, TopicPartition};
use crate::random::jitter;

/// Records that are asked for at once.
const RECORDS_MAX: usize = 1_000;
/// How long one question to the log waits.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// The longest pause after a failure. Short: meanwhile nobody is cut off.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Reads all of the topic, then everything that comes, until `stop`. `caught_up` is called once, when the end that the topic had at
/// the beginning is reached: earlier, a token that was revoked may still be accepted.
pub async fn follow(
    log: Arc<dyn Log>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    caught_up: impl FnOnce() + Send,
) {
    let follower = Follower { log, revocations, clock };
    let (told, mut all_told) = mpsc::channel::<()>(1);
    let partitions = (0..follower.log.partitions(Topic::Revoked).get()).map(|number| {
        let (follower, told) = (&follower, told.clone());
        async move { follower.partition(TopicPartition { topic: Topic::Revoked, partition: number }, told).await }
    });
    let following = futures_util::future::join_all(partitions);
    drop(told);
    let telling = async {
        // Every partition gives its sender back when it has caught up.
        while all_told.recv().await.is_some() {}
        caught_up();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        _ = following => {}
        () = telling => {}
    }
}

struct Follower {
    log: Arc<dyn Log>,
    revocations: Arc<Revocations>,
    clock: Arc<dyn Clock>,
}

/// How far one partition was read.
struct Progress {
    next: Offset,
    /// Where the partition ended when it was first looked at.
    end: Option<Offset>,
    /// Given back when that end is reached.
    told: Option<mpsc::Sender<()>>,
    failing: bool,
}

impl Follower {
    async fn partition(&self, partition: TopicPartition, told: mpsc::Sender<()>) {
        let mut progress = Progress { next: 0, end: None, told: Some(told), failing: false };
        loop {
            let Err(fault) = self.read(partition, &mut progress).await;
            if let Fault::Misconfigured(reason) = &fault {
                tracing::warn!(%partition, reason, "ended sessions are read anew from the topic's beginning");
                progress.next = 0;
            } else if !progress.failing {
                tracing::warn!(%fault, "ended sessions cannot be read; tokens are accepted until their end meanwhile");
            }
            progress.failing = true;
            tokio::time::sleep(jitter(PAUSE_MAX)).await;
        }
    }

    /// Reads on until something is wrong.
    async fn read(&self, partition: TopicPartition, progress: &mut Progress) -> Result<Infallible, Fault> {
        let mut tail = self.log.tail(partition, progress.next).await?;
        let end = match progress.end {
            Some(end) => end,
            None => *progress.end.insert(self.log.end(partition).await?),
        };
        loop {
            if progress.next >= end {
                progress.told = None;
            }
            let records = tail.next(RECORDS_MAX, QUESTION_WAIT).await?;
            progress.failing = false;
            // A compacted topic may end in offsets that hold nothing: silence means that the end is reached too.
            if records.is_empty() {
                progress.told = None;
            }
            let now = self.clock.now();
            for stored in records {
                progress.next = stored.offset + 1;
                if let Some(revocation) = Revocation::of_record(&stored.record) {
                    self.revocations.add(&revocation, now);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::clock::SystemClock;
    use crate::log::embedded;

    #[tokio::test]
    async fn what_was_there_is_known_when_it_has_caught_up_and_what_comes_soon_after() {
        let folder = tempfile::tempdir().unwrap();
        let log = embedded::open(&folder.path().join("log"), embedded::Options::default()).unwrap();
        let producer = log.producer().unwrap();
        let to = TopicPartition { topic: Topic::Revoked, partition: 0 };
        let until = Timestamp::from_millis(SystemClock.now().as_millis() + 600_000).unwrap();
        let ann = domain::UserId::parse("ann").unwrap();
        let revoke = async |number: u128| {
            let revocation = Revocation::Session { session_id: Uuid::from_u128(number), user_id: ann.clone(), until };
            producer.append(to, revocation.to_record()).unwrap().await.unwrap();
        };
        for number in 0..1_500 {
            revoke(number).await;
        }
        let revocations = Arc::new(Revocations::default());
        let revoked = |number| revocations.is_revoked(&ann, Some(Uuid::from_u128(number)), until);
        let (stop, (told, caught_up)) = (CancellationToken::new(), tokio::sync::oneshot::channel());
        let task =
            follow(Arc::clone(&log) as Arc<dyn Log>, Arc::clone(&revocations), Arc::new(SystemClock), stop.clone(), || {
                let _ = told.send(());
            });
        let task = tokio::spawn(task);
        caught_up.await.unwrap();
        assert!((0..1_500).all(revoked) && !revoked(1_500));
        revoke(1_500).await;
        while !revoked(1_500) {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        task.await.unwrap();
    }
}
