//! A log that goes wrong on purpose, for tests and simulations of what stands on the log. Nothing in production makes one.
//!
//! [`FaultyLog`] stands before another log, usually the embedded one, as one node's way to it. What it does wrong is what Kafka
//! can do: records of a session keep their order, but reports may be late, lost or wrong in the one allowed way (an append that
//! "failed" was stored), and records of a session that is over may still arrive: the reason for fencing. Chance comes from a seed.
//!
//! Long because it is one list of what can go wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use domain::wire::Record;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{Appending, Assignment, Fault, Log, Offset, Producer, Report, StoredRecord, Tail, Topic, TopicPartition};

/// What becomes of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stored and confirmed.
    Confirmed,
    /// Stored and confirmed, without its offset.
    ConfirmedWithoutOffset,
    /// Stored and confirmed at an offset that was counted on from a missing one: an early record's.
    ConfirmedElsewhere,
    /// Stored, and reported as of unknown outcome.
    StoredUnconfirmed,
    /// Not stored, and reported as of unknown outcome.
    Lost,
    /// Stored, and not reported until the session ends; nor is what the session appends to the partition after it.
    Silent,
    /// Reported as of unknown outcome, as is what the session appends to the partition after it. It all stays on its way until
    /// [`FaultyLog::deliver_late`], or for a chance time: after the session's end, and after somebody else's claim.
    Late,
    /// Refused: the queue is full.
    Full,
}

/// How often what goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// [`Outcome::ConfirmedWithoutOffset`].
    pub without_offset: u32,
    /// [`Outcome::StoredUnconfirmed`].
    pub stored_unconfirmed: u32,
    /// [`Outcome::Lost`].
    pub lost: u32,
    /// [`Outcome::Silent`].
    pub silent: u32,
    /// [`Outcome::Late`].
    pub late: u32,
    /// [`Outcome::Full`].
    pub full: u32,
    /// Reading, and asking for the end, fails with [`Fault::Unavailable`].
    pub unreadable: u32,
    /// The longest that a report is held back. Reports of one session and partition keep their order.
    pub report_delay_max: Duration,
}

/// Records that are still on their way, in their order.
type OnTheirWay = VecDeque<(TopicPartition, Record)>;

/// One node's unreliable way to a log.
pub struct FaultyLog {
    inner: Arc<dyn Log>,
    chance: Arc<Chance>,
    assigned: watch::Sender<BTreeSet<PartitionId>>,
}

/// What the log and its sessions share.
struct Chance {
    state: Mutex<State>,
    /// Stores what arrives late.
    late: Arc<dyn Producer>,
}

struct State {
    random: StdRng,
    faults: Faults,
    /// Outcomes that were ordered for the next appends.
    ordered: VecDeque<Outcome>,
    /// So many sessions cannot be started.
    sessions_refused: u32,
    on_their_way: OnTheirWay,
}

impl FaultyLog {
    /// A way to `inner` on which nothing goes wrong yet.
    ///
    /// # Errors
    /// Those of [`Log::producer`].
    pub fn new(inner: Arc<dyn Log>, seed: u64) -> Result<Arc<Self>, Fault> {
        let all = EventTopic::ALL
            .into_iter()
            .flat_map(|topic| (0..inner.partitions(topic.into()).get()).map(move |number| PartitionId { topic, number }));
        let assigned = watch::Sender::new(all.collect());
        let random = StdRng::seed_from_u64(seed);
        let (ordered, on_their_way) = (VecDeque::new(), VecDeque::new());
        let state = State { random, faults: Faults::default(), ordered, sessions_refused: 0, on_their_way };
        let chance = Arc::new(Chance { state: Mutex::new(state), late: inner.producer()? });
        Ok(Arc::new(Self { inner, chance, assigned }))
    }

    /// From now on, let this go wrong by chance.
    pub fn set(&self, faults: Faults) {
        self.chance.state().faults = faults;
    }

    /// Orders the outcomes of the next appends; chance decides again after them.
    pub fn order(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.chance.state().ordered.extend(outcomes);
    }

    /// Lets the next `count` sessions not be started.
    pub fn refuse_sessions(&self, count: u32) {
        self.chance.state().sessions_refused = count;
    }

    /// Stores what is still on its way, and waits until it is there.
    ///
    /// # Errors
    /// Those of [`Producer::append`].
    pub async fn deliver_late(&self) -> Result<(), Fault> {
        loop {
            let arriving = self.chance.state().on_their_way.pop_front();
            let Some((to, record)) = arriving else { return Ok(()) };
            self.chance.late.append(to, record)?.await?;
        }
    }

    /// Changes what this node is told to own.
    pub fn assign(&self, partitions: BTreeSet<PartitionId>) {
        self.assigned.send_replace(partitions);
    }
}

impl Chance {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What becomes of the next append, and for how long its report is held back.
    fn draw(&self) -> (Outcome, Duration) {
        let mut state = self.state();
        let faults = state.faults;
        let delay = faults.report_delay_max.mul_f64(state.random.random());
        if let Some(outcome) = state.ordered.pop_front() {
            return (outcome, delay);
        }
        let mut drawn = state.random.random_range(0..1_000_u32);
        for (share, outcome) in [
            (faults.without_offset, Outcome::ConfirmedWithoutOffset),
            (faults.stored_unconfirmed, Outcome::StoredUnconfirmed),
            (faults.lost, Outcome::Lost),
            (faults.silent, Outcome::Silent),
            (faults.late, Outcome::Late),
            (faults.full, Outcome::Full),
        ] {
            if drawn < share {
                return (outcome, delay);
            }
            drawn -= share;
        }
        (Outcome::Confirmed, delay)
    }

    /// By chance, lets the first of the records on their way arrive now.
    fn maybe_deliver_one(&self) {
        let mut state = self.state();
        if state.faults.late > 0
            && state.random.random_bool(0.2)
            && let Some((to, record)) = state.on_their_way.pop_front()
        {
            // Nobody waits for its report: the session that sent it gave it up.
            drop(self.late.append(to, record));
        }
    }

    fn readable(&self) -> Result<(), Fault> {
        let mut state = self.state();
        let share = state.faults.unreadable;
        if state.random.random_range(0..1_000_u32) < share {
            return Err(Fault::Unavailable("a fault for the test: it cannot be read now".to_owned()));
        }
        Ok(())
    }
}

/// A session that may lose reports and records.
struct FaultyProducer {
    inner: Arc<dyn Producer>,
    chance: Arc<Chance>,
    partitions: Mutex<BTreeMap<TopicPartition, Line>>,
    ended: CancellationToken,
}

/// What one session knows of one partition.
#[derive(Default)]
struct Line {
    /// Everything is late from now on.
    late: bool,
    /// Resolves when the report before is out.
    told: Option<oneshot::Receiver<()>>,
}

impl Producer for FaultyProducer {
    fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        self.chance.maybe_deliver_one();
        let (outcome, delay) = self.chance.draw();
        if outcome == Outcome::Full {
            report.dismiss();
            return Err(Fault::QueueFull);
        }
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let line = partitions.entry(to).or_default();
        line.late |= outcome == Outcome::Late;
        let stored = if line.late {
            self.chance.state().on_their_way.push_back((to, record));
            None
        } else if outcome == Outcome::Lost {
            None
        } else {
            match self.inner.append(to, record) {
                Ok(stored) => Some(stored),
                Err(fault) => {
                    report.dismiss();
                    return Err(fault);
                }
            }
        };
        let (told, next) = oneshot::channel();
        let before = line.told.replace(next);
        drop(partitions);
        let ended = self.ended.clone();
        // A task of its own, as librdkafka has its thread: reports come though nobody asks for them.
        tokio::spawn(async move {
            let reporting = async {
                let result = reported_as(outcome, stored).await;
                tokio::time::sleep(delay).await;
                if let Some(before) = before {
                    let _ = before.await;
                }
                result
            };
            let result = tokio::select! {
                result = reporting => result,
                () = ended.cancelled() => Err(Fault::Unconfirmed("the session ended".to_owned())),
            };
            report.tell(result);
            let _ = told.send(());
        });
        Ok(())
    }
}

async fn reported_as(outcome: Outcome, stored: Option<Appending>) -> Result<Option<Offset>, Fault> {
    let unconfirmed = || Fault::Unconfirmed("a fault for the test".to_owned());
    let Some(stored) = stored else { return Err(unconfirmed()) };
    let result = stored.await;
    match outcome {
        Outcome::ConfirmedWithoutOffset => result.map(|_| None),
        Outcome::ConfirmedElsewhere => result.map(|_| Some(0)),
        Outcome::StoredUnconfirmed => result.and(Err(unconfirmed())),
        Outcome::Silent => std::future::pending().await,
        _ => result,
    }
}

impl Drop for FaultyProducer {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

#[async_trait]
impl Log for FaultyLog {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn identity(&self) -> String {
        self.inner.identity()
    }

    fn record_bytes_max(&self) -> usize {
        self.inner.record_bytes_max()
    }

    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        self.inner.partitions(topic)
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, Fault> {
        let refused = &mut self.chance.state().sessions_refused;
        if *refused > 0 {
            *refused -= 1;
            return Err(Fault::Unavailable("a fault for the test: no session".to_owned()));
        }
        Ok(Arc::new(FaultyProducer {
            inner: self.inner.producer()?,
            chance: self.chance.clone(),
            partitions: Mutex::default(),
            ended: CancellationToken::new(),
        }))
    }

    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        self.chance.readable()?;
        self.inner.end(of).await
    }

    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault> {
        self.chance.readable()?;
        Ok(Box::new(FaultyTail { inner: self.inner.tail(of, from).await?, chance: self.chance.clone() }))
    }

    async fn assignment(&self, _group: &str) -> Result<Box<dyn Assignment>, Fault> {
        Ok(Box::new(Told(self.assigned.clone())))
    }
}

struct FaultyTail {
    inner: Box<dyn Tail>,
    chance: Arc<Chance>,
}

#[async_trait]
impl Tail for FaultyTail {
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
        self.chance.readable()?;
        self.inner.next(records_max, wait_max).await
    }

    fn has_ended(&self) -> bool {
        self.inner.has_ended()
    }

    fn skip_to(&mut self, offset: Offset) {
        self.inner.skip_to(offset);
    }
}

/// What [`FaultyLog::assign`] says.
struct Told(watch::Sender<BTreeSet<PartitionId>>);

#[async_trait]
impl Assignment for Told {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.0.subscribe()
    }

    fn commit(&self, _partition: PartitionId, _next_offset: Offset) {}

    async fn leave(&self) {
        self.0.send_replace(BTreeSet::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::embedded;

    const ROOMS: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 0 };

    fn record(text: &str) -> Record {
        Record { value: text.as_bytes().to_vec(), ..Record::default() }
    }

    async fn values(log: &dyn Log) -> Vec<String> {
        let mut tail = log.tail(ROOMS, 0).await.unwrap();
        let records = tail.next(1_000, Duration::ZERO).await.unwrap();
        records.into_iter().map(|stored| String::from_utf8(stored.record.value).unwrap()).collect()
    }

    #[tokio::test]
    async fn each_outcome_is_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let log = FaultyLog::new(embedded::open(folder.path(), embedded::Options::default()).unwrap(), 1).unwrap();
        let session = log.producer().unwrap();
        use Outcome::{Confirmed, ConfirmedWithoutOffset, Full, Late, Lost, Silent, StoredUnconfirmed};
        log.order([Confirmed, ConfirmedWithoutOffset, StoredUnconfirmed, Lost, Full, Silent]);
        assert_eq!(session.append(ROOMS, record("a")).unwrap().await.unwrap(), Some(0));
        assert_eq!(session.append(ROOMS, record("b")).unwrap().await.unwrap(), None);
        assert!(matches!(session.append(ROOMS, record("c")).unwrap().await, Err(Fault::Unconfirmed(_))));
        assert!(matches!(session.append(ROOMS, record("lost")).unwrap().await, Err(Fault::Unconfirmed(_))));
        assert!(matches!(session.append(ROOMS, record("refused")), Err(Fault::QueueFull)));
        let silent = session.append(ROOMS, record("d")).unwrap();
        drop(session);
        assert!(matches!(silent.await, Err(Fault::Unconfirmed(_))), "the session's end ends the silence");

        let session = log.producer().unwrap();
        log.order([Late]);
        for text in ["e", "f"] {
            assert!(matches!(session.append(ROOMS, record(text)).unwrap().await, Err(Fault::Unconfirmed(_))));
        }
        drop(session);
        log.producer().unwrap().append(ROOMS, record("of the next session")).unwrap().await.unwrap();
        log.deliver_late().await.unwrap();
        assert_eq!(values(&*log).await, ["a", "b", "c", "d", "of the next session", "e", "f"]);
    }
}
