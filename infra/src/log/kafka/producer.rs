//! A producer session: one idempotent producer of librdkafka. Its own thread takes the delivery reports and hands each on to whoever
//! sent the record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::wire::Record;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::statistics::Statistics;

use super::Topics;
use super::client::{Context, unavailable};
use super::{Options, settings};
use crate::log::{Fault, Offset, Producer, RECORD_BYTES_MAX, Report, TopicPartition};

/// How long the thread waits for reports at a time, and so how late it may notice that the session has ended.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// With so many records under way, reports are taken together, once in [`GATHER`]: each alone would wake its owner, and that one's
/// clients, who would send the next records one by one again.
const GATHER_FROM: i32 = 16;
/// What gathering adds to an answer at most. Small beside what a broker takes under such a load.
const GATHER: Duration = Duration::from_micros(250);

/// A producer session of Kafka.
pub struct KafkaProducer {
    /// Shared with the thread that takes its reports, which ends when it is the last to have it.
    producer: Arc<BaseProducer<Deliveries>>,
    topics: Arc<Topics>,
}

impl KafkaProducer {
    pub fn start(options: &Options, topics: Arc<Topics>) -> Result<Self, Fault> {
        let deliveries = Deliveries { context: Context::new("producer"), told: AtomicU64::new(0) };
        let producer: BaseProducer<Deliveries> = settings::producer(options)?
            .create_with_context(deliveries)
            .map_err(|error| unavailable("a producer cannot be started", &error))?;
        let producer = Arc::new(producer);
        let served = Arc::clone(&producer);
        std::thread::Builder::new()
            .name("kafka-reports".to_owned())
            .spawn(move || serve(&served))
            .map_err(|error| Fault::Unavailable(format!("a producer's thread cannot be started: {error}")))?;
        Ok(Self { producer, topics })
    }

    fn hand_over(&self, to: TopicPartition, record: &Record, report: Box<Report>) -> Result<(), (Fault, Box<Report>)> {
        let bytes = record.size_bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err((Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX }, report));
        }
        let partition = match self.topics.check(to) {
            Ok(partition) => partition,
            Err(fault) => return Err((fault, report)),
        };
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let message = BaseRecord::with_opaque_to(self.topics.name(to.topic), report)
            .partition(partition)
            .key(&record.key)
            .payload(&record.value)
            .headers(headers);
        // Librdkafka copies the record into its queue here, in the order of the calls; nothing is awaited.
        self.producer.send(message).map_err(|(error, message)| {
            let fault = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Fault::QueueFull,
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX },
                _ => refused(&self.producer, &error),
            };
            (fault, message.delivery_opaque)
        })
    }
}

impl Producer for KafkaProducer {
    fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        self.hand_over(to, &record, Box::new(report)).map_err(|(fault, report)| {
            report.dismiss();
            fault
        })
    }
}

/// After a fatal error librdkafka refuses every record until there is a new producer; it knows the error that came first.
fn refused(producer: &BaseProducer<Deliveries>, error: &KafkaError) -> Fault {
    let fatal = producer.client().fatal_error();
    Fault::Unavailable(fatal.map_or_else(|| error.to_string(), |(code, text)| format!("the session is over: {code}: {text}")))
}

/// Takes reports until the session is dropped. The end of the producer comes here then: what is in its queue or under way is given up,
/// with its outcome unknown, and librdkafka waits for its threads, which must not happen on a thread of the async runtime.
fn serve(producer: &Arc<BaseProducer<Deliveries>>) {
    while Arc::strong_count(producer) > 1 {
        if producer.in_flight_count() < GATHER_FROM {
            producer.poll(POLL_WAIT);
            continue;
        }
        std::thread::sleep(GATHER);
        let told = || producer.context().told.load(Ordering::Relaxed);
        // One poll takes the reports of one batch of one partition.
        loop {
            let before = told();
            producer.poll(Duration::ZERO);
            if told() == before {
                break;
            }
        }
    }
}

/// The session's context: what librdkafka calls from within poll.
struct Deliveries {
    context: Context,
    /// How many reports were handed on.
    told: AtomicU64,
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Box<Report>) {
        self.told.fetch_add(1, Ordering::Relaxed);
        report.tell(match result {
            // A record that was confirmed only by implication (a later one of its session was) comes with a negative offset.
            Ok(message) => Ok(Offset::try_from(message.offset()).ok()),
            Err((error, _)) => Err(Fault::Unconfirmed(error.to_string())),
        });
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.context.stats(statistics);
    }
}
