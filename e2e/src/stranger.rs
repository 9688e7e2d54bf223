//! A Kafka client that keeps to nothing: writes what it likes into the system's topics, and reads what is there.

use std::time::Duration;

use anyhow::{Context, Result};
use domain::ids::EventTopic;
use domain::wire::Record;
use domain::{Cursor, Verdict};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::util::Timeout;
use rdkafka::{Offset, TopicPartitionList};

/// How long a broker may take.
const ANSWER: Duration = Duration::from_secs(30);

/// A record that anybody may have written.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// The key; `None` is Kafka's null.
    pub key: Option<Vec<u8>>,
    /// The value; `None` makes a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order, a name as often as one likes.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Foreign {
    /// What a record of ours would be, to be spoilt.
    #[must_use]
    pub fn of(record: Record) -> Self {
        let headers = record.headers.into_iter().map(|(name, value)| (name.into_owned(), Some(value))).collect();
        Self { key: Some(record.key), value: Some(record.value), headers }
    }

    /// With another value of a header, which is added if it is not there.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }
}

/// The client.
pub struct Stranger {
    brokers: String,
    /// What stands before each topic's name.
    prefix: String,
    producer: FutureProducer,
}

impl Stranger {
    /// Connects to `brokers`, for the system whose topics begin with `prefix`.
    ///
    /// # Errors
    /// When there is no client.
    pub fn new(brokers: &str, prefix: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("message.max.bytes", "2000000");
        Ok(Self { brokers: brokers.to_owned(), prefix: prefix.to_owned(), producer: config.create()? })
    }

    fn topic(&self, topic: &str) -> String {
        format!("{}.{topic}", self.prefix)
    }

    /// Writes a record to the partition, whatever its key.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub async fn write(&self, topic: &str, partition: i32, foreign: &Foreign) -> Result<()> {
        let topic = self.topic(topic);
        let mut headers = OwnedHeaders::new();
        for (name, value) in &foreign.headers {
            headers = headers.insert(Header { key: name, value: value.as_deref() });
        }
        let mut record = FutureRecord::<[u8], [u8]>::to(&topic).partition(partition).headers(headers);
        record.key = foreign.key.as_deref();
        record.payload = foreign.value.as_deref();
        let sent = self.producer.send(record, Timeout::After(ANSWER)).await;
        sent.map(drop).map_err(|(error, _)| error).with_context(|| format!("cannot write to {topic}/{partition}"))
    }

    /// Everything that stands in a partition.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self, topic: &str, partition: i32) -> Result<Vec<Record>> {
        let (brokers, topic) = (self.brokers.clone(), self.topic(topic));
        tokio::task::spawn_blocking(move || read(&brokers, &topic, partition)).await?
    }

    /// How far a partition is folded, by the rule of all readers.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn cursor(&self, topic: EventTopic, partition: i32) -> Result<Cursor> {
        let mut cursor = Cursor::default();
        for record in self.read(name(topic), partition).await? {
            cursor.accept(record.mark());
        }
        Ok(cursor)
    }

    /// The records of a partition that count, without claims.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn effective(&self, topic: EventTopic, partition: i32) -> Result<Vec<Record>> {
        let mut cursor = Cursor::default();
        let mut records = self.read(name(topic), partition).await?;
        records.retain(|record| cursor.accept(record.mark()) == Verdict::Effective);
        Ok(records)
    }
}

/// The base name of an event topic.
#[must_use]
pub const fn name(topic: EventTopic) -> &'static str {
    match topic {
        EventTopic::Users => "users.v1",
        EventTopic::Rooms => "rooms.v1",
    }
}

fn read(brokers: &str, topic: &str, partition: i32) -> Result<Vec<Record>> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "stranger")
        .set("enable.auto.commit", "false")
        .create()?;
    let (first, end) = consumer.fetch_watermarks(topic, partition, ANSWER)?;
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Beginning)?;
    consumer.assign(&assignment)?;
    let (mut records, mut next) = (Vec::new(), first);
    while next < end {
        let message = consumer.poll(ANSWER).context("the partition does not go on")??;
        next = message.offset() + 1;
        let headers = message.headers().into_iter().flat_map(|headers| {
            headers
                .iter()
                .map(|header| (header.key.to_owned().into(), header.value.unwrap_or_default().to_vec()))
                .collect::<Vec<_>>()
        });
        records.push(Record {
            key: message.key().unwrap_or_default().to_vec(),
            headers: headers.collect(),
            value: message.payload().unwrap_or_default().to_vec(),
        });
    }
    Ok(records)
}
