//! Collects what the checker judges by: the rooms from query nodes, the log from Kafka.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::Value;

use super::evidence::{LogRecord, RoomRead};
use crate::journal::{Deed, What};
use crate::person::Person;

/// Rooms that are read at once.
const ROOMS_AT_ONCE: usize = 4;
/// How long the brokers may take to answer one question, or to send nothing.
const BROKER_ANSWERS: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// All rooms of the journal, each as each query node shows it to `reader`.
///
/// # Errors
/// When a node refuses or does not answer.
pub async fn rooms(deeds: &[Deed], reader: &Person, nodes: &[String]) -> Result<Vec<RoomRead>> {
    let rooms: BTreeSet<&str> = deeds.iter().filter(|deed| deed.what == What::Create).map(|deed| deed.room.as_str()).collect();
    let each = nodes.iter().flat_map(|node| rooms.iter().map(move |room| (node, *room)));
    stream::iter(each).map(|(node, room)| read(reader, node, room)).buffered(ROOMS_AT_ONCE).try_collect().await
}

async fn read(reader: &Person, node: &str, room: &str) -> Result<RoomRead> {
    let mut reader = reader.clone();
    node.clone_into(&mut reader.at.query);
    let details = reader.query(&format!("/chat/rooms/{room}"), None).await?.success()?.body;
    let (mut members, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = reader.query(&format!("/chat/rooms/{room}/members?limit=200{cursor}"), None).await?.success()?;
        members.extend_from_slice(page.array("/items")?);
        let Some(next) = page.body.get("next").and_then(Value::as_str) else { break };
        cursor = format!("&cursor={next}");
    }
    let messages = reader.history(room, None).await?;
    Ok(RoomRead { node: node.to_owned(), room: room.to_owned(), details, members, messages })
}

/// Every record of the two event topics, up to their ends now; in offset order within each partition.
///
/// # Errors
/// When the brokers do not answer, or a record is no text.
pub async fn log(brokers: &str, prefix: &str) -> Result<Vec<LogRecord>> {
    let (brokers, prefix) = (brokers.to_owned(), prefix.to_owned());
    tokio::task::spawn_blocking(move || consume(&brokers, &prefix)).await?
}

fn consume(brokers: &str, prefix: &str) -> Result<Vec<LogRecord>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers).set("group.id", "sarangbang-check").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create()?;
    let (mut wanted, mut ends) = (TopicPartitionList::new(), BTreeMap::new());
    for topic in ["users.v1", "rooms.v1"].map(|name| format!("{prefix}.{name}")) {
        let metadata = consumer.fetch_metadata(Some(&topic), BROKER_ANSWERS)?;
        let partitions = metadata.topics().first().context("no such topic")?.partitions();
        ensure!(!partitions.is_empty(), "there is no topic {topic}");
        for partition in partitions {
            let (begin, end) = consumer.fetch_watermarks(&topic, partition.id(), BROKER_ANSWERS)?;
            ensure!(begin == 0, "{topic}/{} begins at {begin}: events are kept for ever", partition.id());
            if begin < end {
                wanted.add_partition_offset(&topic, partition.id(), Offset::Beginning)?;
                ends.insert((topic.clone(), partition.id()), end);
            }
        }
    }
    consumer.assign(&wanted)?;
    let (mut records, mut heard) = (Vec::new(), Instant::now());
    while !ends.is_empty() {
        ensure!(heard.elapsed() < BROKER_ANSWERS, "no record came for {BROKER_ANSWERS:?}; still open: {ends:?}");
        // A lost connection is an error here; librdkafka makes a new one.
        let Some(Ok(message)) = consumer.poll(POLL) else { continue };
        heard = Instant::now();
        let place = (message.topic().to_owned(), message.partition());
        let Some(end) = ends.get(&place).copied() else { continue };
        if message.offset() < end {
            records.push(record(&message)?);
        }
        if message.offset() + 1 >= end {
            ends.remove(&place);
        }
    }
    Ok(records)
}

fn record(message: &BorrowedMessage<'_>) -> Result<LogRecord> {
    let mut headers = BTreeMap::new();
    for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
        let value = String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
        headers.entry(header.key.to_owned()).or_insert(value);
    }
    Ok(LogRecord {
        topic: message.topic().to_owned(),
        partition: message.partition(),
        offset: message.offset(),
        headers,
        value: String::from_utf8(message.payload().unwrap_or_default().to_vec())?,
    })
}
