//! Tails: one consumer of librdkafka serves many partitions, each by a queue of its own.
//!
//! A consumer can read a partition only once, so tails of the same partition (its owner's, a projector's, a live feed's) go to
//! different consumers; a process has as many as its most-read partition has tails. Librdkafka fetches into each partition's
//! queue until that is full, and wakes the tail when it is no longer empty: nothing polls, and a slow tail holds nobody up.
//!
//! Long because it is one life of one consumer: what is assigned, what it waits for, and how it begins anew.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::wire::Record;
use rdkafka::consumer::base_consumer::PartitionQueue;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message, Timestamp};
use rdkafka::{Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::client::{Context, unavailable};
use super::{Options, Topics, settings};
use crate::log::{Fault, Offset, StoredRecord, Tail, Topic, TopicPartition, names};

/// The most consumers, and so the most tails of one partition, that a process has.
const READERS_MAX: usize = 16;
/// The most calls at once that wait for a broker's answer on a thread.
const CALLS_MAX: usize = 8;
/// How long a broker may take to say where a partition begins and ends.
const WATERMARKS_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long to wait before a broker is asked again after a leader moved.
const LOOK_AGAIN_FOR_LEADER: Duration = Duration::from_millis(100);
/// The bytes after which [`Tail::next`] takes no more records.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A tail that skips more than this starts anew behind it: what librdkafka has fetched meanwhile, and would still fetch, is not wanted.
const SKIPPED_IN_PLACE_MAX: Offset = 1_000;
/// How often a waiting tail looks into its queue without having been woken. It never should need to: a look costs nothing, and a
/// wake-up that is lost for a reason nobody thought of would cost everything.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The consumers of the process, made when they are needed.
pub struct Readers {
    options: Options,
    topics: Arc<Topics>,
    readers: Mutex<Vec<Arc<Reader>>>,
    calls: Semaphore,
}

/// One consumer, and the partitions that it reads.
struct Reader {
    /// Whether it says where a partition ends. In topics that are compacted the offsets do not: the last of them may hold nothing.
    tells_ends: bool,
    consumer: Arc<BaseConsumer<Context>>,
    taken: Mutex<BTreeSet<TopicPartition>>,
}

impl Readers {
    pub fn new(options: Options, topics: Arc<Topics>) -> Self {
        Self { options, topics, readers: Mutex::default(), calls: Semaphore::new(CALLS_MAX) }
    }

    /// The high watermark.
    pub async fn end(self: &Arc<Self>, of: TopicPartition) -> Result<Offset, Fault> {
        let readers = self.clone();
        self.call(move || Ok(readers.first()?.watermarks(&readers.topics, of)?.1)).await
    }

    /// Starts a tail.
    pub async fn tail(self: &Arc<Self>, of: TopicPartition, from: Offset) -> Result<KafkaTail, Fault> {
        let mut tail = KafkaTail {
            readers: self.clone(),
            of,
            position: from,
            starting: None,
            reading: None,
            ended: false,
            failed: None,
            hole_at: None,
        };
        tail.start().await?;
        Ok(tail)
    }

    /// Runs `work`, which waits for a broker, where waiting is allowed.
    async fn call<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
        let _permit = self.calls.acquire().await.map_err(|_| Fault::Unavailable("the log was closed".to_owned()))?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Fault::Unavailable(format!("a call to Kafka broke off: {error}")))?
    }

    fn first(&self) -> Result<Arc<Reader>, Fault> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        match readers.first() {
            Some(reader) => Ok(reader.clone()),
            None => self.add(&mut readers, false),
        }
    }

    /// A consumer that does not read `of` yet. From now on it does.
    fn take(&self, of: TopicPartition) -> Result<Slot, Fault> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let tells_ends = of.topic.compacted();
        let free = readers.iter().find(|reader| reader.tells_ends == tells_ends && reader.taken().insert(of)).cloned();
        let reader = match free {
            Some(reader) => reader,
            None => {
                let reader = self.add(&mut readers, tells_ends)?;
                reader.taken().insert(of);
                reader
            }
        };
        drop(readers);
        Ok(Slot { reader, topics: self.topics.clone(), of, assigned: false })
    }

    fn add(&self, readers: &mut Vec<Arc<Reader>>, tells_ends: bool) -> Result<Arc<Reader>, Fault> {
        if readers.len() >= READERS_MAX {
            return Err(Fault::Unavailable(format!("a partition has {READERS_MAX} tails in this process already")));
        }
        let reader = Arc::new(Reader::start(&self.options, readers.len(), tells_ends)?);
        readers.push(reader.clone());
        Ok(reader)
    }
}

impl Reader {
    fn start(options: &Options, index: usize, tells_ends: bool) -> Result<Self, Fault> {
        let consumer: BaseConsumer<Context> = settings::reader(options, tells_ends)?
            .create_with_context(Context::new(format!("tail-{index}")))
            .map_err(|error| unavailable("a consumer cannot be started", &error))?;
        let consumer = Arc::new(consumer);
        let served = consumer.clone();
        std::thread::Builder::new()
            .name(format!("kafka-tail-{index}"))
            .spawn(move || serve(&served))
            .map_err(|error| Fault::Unavailable(format!("a consumer's thread cannot be started: {error}")))?;
        Ok(Self { tells_ends, consumer, taken: Mutex::default() })
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, BTreeSet<TopicPartition>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the partition begins and ends, as its leader says. Waits for the answer.
    fn watermarks(&self, topics: &Topics, of: TopicPartition) -> Result<(Offset, Offset), Fault> {
        let partition = topics.check(of)?;
        let started = Instant::now();
        let (low, high) = loop {
            let rest = WATERMARKS_WAIT_MAX.saturating_sub(started.elapsed());
            match self.consumer.fetch_watermarks(topics.name(of.topic), partition, rest) {
                Ok(watermarks) => break watermarks,
                // The partition is on its way to another leader, or so new that not every broker has heard of it.
                Err(error) if is_passing(&error) && rest > LOOK_AGAIN_FOR_LEADER => std::thread::sleep(LOOK_AGAIN_FOR_LEADER),
                Err(error) => return Err(unavailable(&format!("the end of {of} cannot be learnt"), &error)),
            }
        };
        let offset = |raw| Offset::try_from(raw).map_err(|_| Fault::Unavailable(format!("the end of {of} is not known")));
        Ok((offset(low)?, offset(high)?))
    }
}

/// Serves what concerns the consumer as a whole (statistics, log lines, errors) until nobody else has it, and closes it: closing
/// waits for brokers, so it must not happen on a thread of the async runtime.
fn serve(consumer: &Arc<BaseConsumer<Context>>) {
    while Arc::strong_count(consumer) > 1 {
        // Records never come this way, and a tail that misses one notices the hole; an error of the connection was logged by the
        // context and heals by itself.
        let _ = consumer.poll(LOOK_AGAIN);
    }
}

/// A tail's place in a consumer; given back when it is dropped.
struct Slot {
    reader: Arc<Reader>,
    topics: Arc<Topics>,
    of: TopicPartition,
    assigned: bool,
}

impl Slot {
    fn list(&self, offset: KafkaOffset) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topics.name(self.of.topic), self.topics.check(self.of)?, offset)
            .map_err(|error| unavailable(&format!("{} cannot be read", self.of), &error))?;
        Ok(list)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.assigned {
            let given_up = self.list(KafkaOffset::Invalid).map(|list| self.reader.consumer.incremental_unassign(&list));
            if !matches!(given_up, Ok(Ok(()))) {
                tracing::warn!(partition = %self.of, "a consumer did not give a partition up; it stays taken in this consumer");
                return;
            }
        }
        self.reader.taken().remove(&self.of);
    }
}

/// What a tail reads from.
struct Reading {
    /// Before the slot, so that it is dropped first: nobody is woken for a partition that is given up.
    queue: PartitionQueue<Context>,
    _slot: Slot,
    woken: Arc<Notify>,
}

/// A tail of Kafka's log.
pub struct KafkaTail {
    readers: Arc<Readers>,
    of: TopicPartition,
    /// The offset from which the next record is read.
    position: Offset,
    /// A start that is under way. It belongs to the tail and not to the call that began it: a call that is given up leaves it to the
    /// next one, so that giving up again and again still comes forward, and never takes a second consumer.
    starting: Option<JoinHandle<Result<(Reading, Offset), Fault>>>,
    /// Nothing after a fault: the next call starts again from `position`.
    reading: Option<Reading>,
    /// Whether an end was reached since the start.
    ended: bool,
    /// A fault that came behind records, which were handed out first.
    failed: Option<Fault>,
    /// The position before which a hole was found: it is looked at twice, and believed the second time.
    hole_at: Option<Offset>,
}

impl KafkaTail {
    /// Finds out whether `position` is in the log, and begins to read there.
    async fn start(&mut self) -> Result<(), Fault> {
        let starting = self.starting.get_or_insert_with(|| {
            let (readers, of, from) = (self.readers.clone(), self.of, self.position);
            tokio::spawn(async move {
                let beginning = readers.clone();
                readers.call(move || begin(&beginning, of, from)).await
            })
        });
        let started = starting.await;
        self.starting = None;
        let (reading, position) =
            started.map_err(|error| Fault::Unavailable(format!("starting to read {} broke off: {error}", self.of)))??;
        // It may have been skipped on meanwhile.
        self.position = self.position.max(position);
        self.ended = false;
        self.reading = Some(reading);
        Ok(())
    }

    /// Takes what is in the queue. Never waits.
    fn drain(&mut self, records_max: usize) -> Result<Vec<StoredRecord>, Fault> {
        let mut records = Vec::new();
        let mut bytes = 0;
        let mut hole = false;
        let Some(reading) = &self.reading else { return Ok(records) };
        while records.len() < records_max && bytes < BATCH_BYTES_MAX {
            match reading.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => {
                    if Offset::try_from(message.offset()).is_ok_and(|offset| offset < self.position) {
                        continue;
                    }
                    let stored = stored(&message);
                    hole = is_dense(self.of.topic) && stored.offset > self.position && self.hole_at != Some(self.position);
                    if hole {
                        break;
                    }
                    self.position = stored.offset + 1;
                    bytes += stored.record.size_bytes();
                    records.push(stored);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => self.ended = true,
                Some(Err(error)) => {
                    // Whatever it is, start again at the position: librdkafka may go on behind what it could not read.
                    self.failed = Some(fault_of(self.of, self.position, &error));
                    break;
                }
            }
        }
        if hole {
            self.hole_at = Some(self.position);
            self.reading = None;
        }
        if records.is_empty()
            && let Some(fault) = self.failed.take()
        {
            self.reading = None;
            return Err(fault);
        }
        Ok(records)
    }
}

#[async_trait]
impl Tail for KafkaTail {
    async fn next(&mut self, records_max: usize, wait_max: Duration) -> Result<Vec<StoredRecord>, Fault> {
        let started = Instant::now();
        if let Some(fault) = self.failed.take() {
            self.reading = None;
            return Err(fault);
        }
        loop {
            if self.reading.is_none() {
                self.start().await?;
            }
            let records = self.drain(records_max)?;
            let rest = wait_max.saturating_sub(started.elapsed());
            if !records.is_empty() || rest.is_zero() {
                return Ok(records);
            }
            let Some(reading) = &self.reading else { continue };
            // A wake-up that came since the queue was found empty is kept by the Notify: none is missed.
            let _ = tokio::time::timeout(rest.min(LOOK_AGAIN), reading.woken.notified()).await;
        }
    }

    fn has_ended(&self) -> bool {
        self.ended
    }

    fn skip_to(&mut self, offset: Offset) {
        if offset > self.position.saturating_add(SKIPPED_IN_PLACE_MAX) {
            (self.starting, self.reading) = (None, None);
        }
        self.position = self.position.max(offset);
    }
}

/// Starts to read `of` at `from`. Waits for brokers.
fn begin(readers: &Readers, of: TopicPartition, from: Offset) -> Result<(Reading, Offset), Fault> {
    let mut slot = readers.take(of)?;
    let (low, high) = slot.reader.watermarks(&readers.topics, of)?;
    if from > high {
        return Err(Fault::Misconfigured(format!("{of} ends at {high}, so it cannot be read from {from}: is it another log?")));
    }
    let position = from.max(low);
    let start = i64::try_from(position).map_err(|_| Fault::Misconfigured(format!("{from} is no offset of Kafka's")))?;
    let (name, partition) = (readers.topics.name(of.topic), readers.topics.check(of)?);
    let queue = slot.reader.consumer.split_partition_queue(name, partition);
    let mut queue = queue.ok_or_else(|| Fault::Unavailable(format!("{of} has no queue")))?;
    let woken = Arc::new(Notify::new());
    let wake = woken.clone();
    queue.set_nonempty_callback(move || wake.notify_one());
    let list = slot.list(KafkaOffset::Offset(start))?;
    slot.reader.consumer.incremental_assign(&list).map_err(|error| unavailable(&format!("{of} cannot be read"), &error))?;
    slot.assigned = true;
    Ok((Reading { queue, _slot: slot, woken }, position))
}

/// Whether a hole in the offsets is so odd that it is looked at twice. Only a stranger's transaction makes one here; and a record
/// that was overlooked would be taken for lost by the acceptance rule, and all after it ignored.
const fn is_dense(topic: Topic) -> bool {
    matches!(topic, Topic::Users | Topic::Rooms)
}

fn is_passing(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::NotLeaderForPartition
                | Code::LeaderNotAvailable
                | Code::ReplicaNotAvailable
                | Code::UnknownPartition
                | Code::UnknownTopicOrPartition
                | Code::FencedLeaderEpoch
                | Code::UnknownLeaderEpoch
                | Code::OffsetNotAvailable
                | Code::BrokerTransportFailure
        )
    )
}

fn fault_of(of: TopicPartition, position: Offset, error: &KafkaError) -> Fault {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => {
            Fault::Misconfigured(format!("the offset {position} of {of} is not in the log any more"))
        }
        _ => Fault::Unavailable(format!("{of} cannot be read at {position}: {error}")),
    }
}

fn stored(message: &BorrowedMessage<'_>) -> StoredRecord {
    // The crate panics at a header whose name is not UTF-8, which any stranger can write. Such a record is none of ours, and
    // without headers it is judged as that.
    let headers = std::panic::catch_unwind(AssertUnwindSafe(|| headers_of(message))).unwrap_or_default();
    StoredRecord {
        offset: Offset::try_from(message.offset()).unwrap_or_default(),
        appended_at_ms: match message.timestamp() {
            Timestamp::LogAppendTime(ms) | Timestamp::CreateTime(ms) => Some(ms),
            Timestamp::NotAvailable => None,
        },
        record: Record {
            key: message.key().unwrap_or_default().to_vec(),
            headers,
            value: message.payload().unwrap_or_default().to_vec(),
        },
    }
}

fn headers_of(message: &BorrowedMessage<'_>) -> Vec<(Cow<'static, str>, Vec<u8>)> {
    let Some(headers) = message.headers() else { return Vec::new() };
    headers.iter().map(|header| (names::shared(header.key), header.value.unwrap_or_default().to_vec())).collect()
}
