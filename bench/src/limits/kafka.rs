//! A librdkafka producer that sends records and waits for their reports.

use anyhow::{Context, Result, anyhow};
use domain::ids::PartitionId;
use domain::wire::Record;
use infra::log::kafka::{self, Options};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};

use crate::load::Operation;
use crate::world::{Place, partitions};

/// A producer with records to send, over and over.
pub struct BareProducer {
    producer: FutureProducer,
    topic: String,
    records: Vec<(i32, Record)>,
}

impl BareProducer {
    /// A producer towards a topic like the one of `place`: as many partitions and replicas, the same settings.
    ///
    /// # Errors
    /// When the topic or the producer cannot be made.
    pub async fn start(place: &Place, records: Vec<(PartitionId, Record)>) -> Result<Self> {
        let brokers = place.brokers.clone().context("it needs Kafka")?;
        let prefix = format!("{}-limit", place.prefix);
        let topic = format!("{prefix}.rooms.v1");
        // Makes the topics, with what the promise rests on.
        kafka::connect(Options { prefix, event_partitions: partitions(place), ..Options::new(brokers.clone()) }).await?;
        let producer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // As ours: without them the limit would be lower.
            .set("linger.ms", "0")
            .set("compression.type", "lz4")
            .create()?;
        let records = records
            .into_iter()
            .map(|(partition, record)| Ok((i32::try_from(partition.number)?, record)))
            .collect::<Result<_>>()?;
        Ok(Self { producer, topic, records })
    }
}

impl Operation for BareProducer {
    async fn run(&self, index: usize) -> Result<()> {
        let (partition, record) = self.records.get(index % self.records.len()).context("there are no records")?;
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header { key: name, value: Some(value) });
        }
        let message =
            FutureRecord::to(&self.topic).partition(*partition).key(&record.key).payload(&record.value).headers(headers);
        let report = self.producer.send_result(message).map_err(|(error, _)| error)?;
        report.await?.map_err(|(error, _)| anyhow!("not confirmed: {error}"))?;
        Ok(())
    }
}
