//! Follows the topic `revoked.v1` for as long as the process lives.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Revocation, Revocations};
use crate::clock::Clock;
use crate::log::{Fault, Log, Offset, Tail, Topic, TopicPartition};
use crate::random::jitter;

/// Records that are asked for at once.
const RECORDS_MAX: usize = 1_000;
/// How long one question to the log waits.
const QUESTION_WAIT: Duration = Duration::from_secs(1);
/// The longest pause after a failure. Short: meanwhile nobody is cut off.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Reads all of the topic, then everything that comes, until `stop`. `caught_up` is called once, when the end that the topic had at
/// the beginning is reached: earlier, a token that was revoked may still be accepted. Silence alone does not mean that: a broker may be
/// slow to answer.
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
    /// Given back when the end is reached.
    told: Option<mpsc::Sender<()>>,
    failing: bool,
}

impl Follower {
    async fn partition(&self, partition: TopicPartition, told: mpsc::Sender<()>) {
        let mut progress = Progress { next: 0, told: Some(told), failing: false };
        loop {
            let Err(fault) = self.read(partition, &mut progress).await;
            let place_lost = matches!(fault, Fault::Misconfigured(_));
            if place_lost {
                progress.next = 0;
            }
            // Once for all the attempts of one trouble.
            match (std::mem::replace(&mut progress.failing, true), place_lost) {
                (true, _) => tracing::debug!(%partition, %fault, "ended sessions still cannot be read"),
                (false, true) => tracing::warn!(%partition, %fault, "ended sessions are read anew from the topic's beginning"),
                (false, false) => {
                    tracing::warn!(%partition, %fault, "ended sessions cannot be read; tokens are accepted until their end meanwhile");
                }
            }
            tokio::time::sleep(jitter(PAUSE_MAX)).await;
        }
    }

    /// Reads on until something is wrong.
    async fn read(&self, partition: TopicPartition, progress: &mut Progress) -> Result<Infallible, Fault> {
        let mut tail = self.log.tail(partition, progress.next).await?;
        self.read_on(tail.as_mut(), progress).await
    }

    async fn read_on(&self, tail: &mut dyn Tail, progress: &mut Progress) -> Result<Infallible, Fault> {
        loop {
            if tail.has_ended() {
                progress.told = None;
            }
            let records = tail.next(RECORDS_MAX, QUESTION_WAIT).await?;
            progress.failing = false;
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
    use std::collections::VecDeque;

    use async_trait::async_trait;
    use domain::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::clock::SystemClock;
    use crate::log::{StoredRecord, embedded};

    /// A tail that answers so, and then nothing for ever.
    struct Script(VecDeque<Vec<StoredRecord>>);

    #[async_trait]
    impl Tail for Script {
        async fn next(&mut self, _records_max: usize, _wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
            tokio::task::yield_now().await;
            match self.0.pop_front() {
                Some(records) => Ok(records),
                None => std::future::pending().await,
            }
        }

        fn has_ended(&self) -> bool {
            self.0.is_empty()
        }

        fn skip_to(&mut self, _offset: Offset) {}
    }

    #[tokio::test]
    async fn a_silent_log_is_not_one_that_has_been_read() {
        let folder = tempfile::tempdir().unwrap();
        let log = embedded::open(folder.path(), embedded::Options::default()).unwrap();
        let revocations = Arc::new(Revocations::default());
        let follower = Follower { log, revocations: Arc::clone(&revocations), clock: Arc::new(SystemClock) };
        let until = Timestamp::from_millis(SystemClock.now().as_millis() + 600_000).unwrap();
        let ann = domain::UserId::parse("ann").unwrap();
        let revocation = Revocation::Session { session_id: Uuid::nil(), user_id: ann.clone(), until };
        let stored = StoredRecord { offset: 7, appended_at_ms: None, record: revocation.to_record() };
        let mut script = Script([Vec::new(), Vec::new(), vec![stored]].into());
        let (told, mut caught_up) = mpsc::channel::<()>(1);
        let mut progress = Progress { next: 0, told: Some(told), failing: false };
        tokio::select! {
            fault = follower.read_on(&mut script, &mut progress) => panic!("{fault:?}"),
            none = caught_up.recv() => assert_eq!(none, None),
        }
        assert!(revocations.is_revoked(&ann, Some(Uuid::nil()), until), "told that all was read, before it was");
    }

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
