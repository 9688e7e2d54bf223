//! A producer session: one idempotent producer of librdkafka. Its own thread takes the delivery reports and hands each on to whoever
//! sent the record.

use std::sync::Arc;

use domain::wire::Record;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::statistics::Statistics;

use super::Topics;
use super::client::{Context, end_elsewhere, unavailable};
use super::{Options, settings};
use crate::log::{Fault, Offset, Producer, RECORD_BYTES_MAX, Report, TopicPartition};

/// A producer session of Kafka.
pub struct KafkaProducer {
    /// There until the session is dropped.
    producer: Option<ThreadedProducer<Deliveries>>,
    topics: Arc<Topics>,
}

impl KafkaProducer {
    pub fn start(options: &Options, topics: Arc<Topics>) -> Result<Self, Fault> {
        let producer = settings::producer(options)?
            .create_with_context(Deliveries(Context::new("producer")))
            .map_err(|error| unavailable("a producer cannot be started", &error))?;
        Ok(Self { producer: Some(producer), topics })
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
        let Some(producer) = &self.producer else {
            return Err((Fault::Unavailable("the session has ended".to_owned()), report));
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
        producer.send(message).map_err(|(error, message)| {
            let fault = match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Fault::QueueFull,
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX },
                _ => refused(producer, &error),
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
fn refused(producer: &ThreadedProducer<Deliveries>, error: &KafkaError) -> Fault {
    let fatal = producer.client().fatal_error();
    Fault::Unavailable(fatal.map_or_else(|| error.to_string(), |(code, text)| format!("the session is over: {code}: {text}")))
}

impl Drop for KafkaProducer {
    /// Ends the session: what is in the queue or under way is given up, with its outcome unknown.
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            end_elsewhere(producer);
        }
    }
}

/// The session's context: what librdkafka calls from within poll.
struct Deliveries(Context);

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Box<Report>) {
        report.tell(match result {
            // A record that was confirmed only by implication (a later one of its session was) comes with a negative offset.
            Ok(message) => Ok(Offset::try_from(message.offset()).ok()),
            Err((error, _)) => Err(Fault::Unconfirmed(error.to_string())),
        });
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.0.stats(statistics);
    }
}
