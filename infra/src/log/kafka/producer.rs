//! A producer session: one idempotent producer of librdkafka.

use std::sync::Arc;

use domain::wire::Record;
use futures_util::FutureExt;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::Topics;
use super::client::{Context, end_elsewhere, unavailable};
use super::{Options, settings};
use crate::log::{Appending, Fault, Offset, Producer, RECORD_BYTES_MAX, TopicPartition};

/// A producer session of Kafka.
pub struct KafkaProducer {
    /// There until the session is dropped.
    producer: Option<FutureProducer<Context>>,
    topics: Arc<Topics>,
}

impl KafkaProducer {
    pub fn start(options: &Options, topics: Arc<Topics>) -> Result<Self, Fault> {
        let producer = settings::producer(options)?
            .create_with_context(Context::new("producer"))
            .map_err(|error| unavailable("a producer cannot be started", &error))?;
        Ok(Self { producer: Some(producer), topics })
    }
}

impl Producer for KafkaProducer {
    fn append(&self, to: TopicPartition, record: Record) -> Result<Appending, Fault> {
        let bytes = record.size_bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err(Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX });
        }
        let partition = self.topics.check(to)?;
        let producer = self.producer.as_ref().ok_or_else(|| Fault::Unavailable("the session has ended".to_owned()))?;
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let message = FutureRecord::to(self.topics.name(to.topic))
            .partition(partition)
            .key(&record.key)
            .payload(&record.value)
            .headers(headers);
        // Librdkafka copies the record into its queue here, in the order of the calls; nothing is awaited.
        match producer.send_result(message) {
            Ok(delivery) => Ok(confirm(delivery).boxed()),
            Err((error, _)) => Err(match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => Fault::QueueFull,
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => Fault::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX },
                _ => self.refused(&error),
            }),
        }
    }
}

impl KafkaProducer {
    /// After a fatal error librdkafka refuses every record until there is a new producer; it knows the error that came first.
    fn refused(&self, error: &KafkaError) -> Fault {
        use rdkafka::producer::Producer as _;
        let fatal = self.producer.as_ref().and_then(|producer| producer.client().fatal_error());
        Fault::Unavailable(fatal.map_or_else(|| error.to_string(), |(code, text)| format!("the session is over: {code}: {text}")))
    }
}

impl Drop for KafkaProducer {
    /// Ends the session: what is in the queue or under way is given up, with its outcome unknown.
    fn drop(&mut self) {
        if let Some(producer) = self.producer.take() {
            end_elsewhere(producer);
        }
    }
}

async fn confirm(delivery: DeliveryFuture) -> Result<Option<Offset>, Fault> {
    match delivery.await {
        // A record that was confirmed only by implication (a later one of its session was) comes with a negative offset.
        Ok(Ok(delivered)) => Ok(Offset::try_from(delivered.offset).ok()),
        Ok(Err((error, _))) => Err(Fault::Unconfirmed(error.to_string())),
        Err(_) => Err(Fault::Unconfirmed("the session ended".to_owned())),
    }
}
