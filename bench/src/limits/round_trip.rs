//! A record from a bare producer to a bare consumer.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};

use crate::world::Place;

/// About what a message's event has.
const RECORD_BYTES: usize = 800;
/// How long a record may take before the bench gives up.
const RECORD_MAX: Duration = Duration::from_secs(60);

/// A producer and a consumer of one partition.
pub struct RoundTrip {
    producer: FutureProducer,
    consumer: StreamConsumer,
    topic: String,
}

impl RoundTrip {
    /// On the topic of rooms of `place`, with the settings that decide about latency as ours.
    ///
    /// # Errors
    /// When the clients cannot be made.
    pub async fn start(place: &Place) -> Result<Self> {
        let brokers = place.brokers.clone().context("it needs Kafka")?;
        let topic = format!("{}.rooms.v1", place.prefix);
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("linger.ms", "0")
            .create()?;
        let consumer: StreamConsumer = ClientConfig::new()
            .set("bootstrap.servers", &brokers)
            .set("group.id", "bench-round-trip")
            .set("enable.auto.commit", "false")
            .set("fetch.wait.max.ms", "100")
            .create()?;
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&topic, 0, Offset::Beginning)?;
        consumer.assign(&from)?;
        Ok(Self { producer, consumer, topic })
    }

    /// Sends `count` records, one after each pause; what each took until it was read.
    ///
    /// # Errors
    /// When one does not come.
    pub async fn measure(&self, count: usize, pause: Duration) -> Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            tokio::time::sleep(pause).await;
            let key = infra::random::uuid_v4().to_string();
            let payload = vec![b'x'; RECORD_BYTES];
            let began = Instant::now();
            let record = FutureRecord::to(&self.topic).partition(0).key(&key).payload(&payload);
            let report = self.producer.send_result(record).map_err(|(error, _)| error)?;
            loop {
                let message = tokio::time::timeout(RECORD_MAX, self.consumer.recv()).await.context("no record came")??;
                if message.key() == Some(key.as_bytes()) {
                    break;
                }
            }
            took.push(began.elapsed());
            report.await?.map_err(|(error, _)| anyhow!("not confirmed: {error}"))?;
        }
        Ok(took)
    }
}
