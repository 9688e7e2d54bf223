//! Writes to the topic `parked`: a copy of what cannot be applied, with the error, for people to look at and to retry; and what
//! became of it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::wire::Record;
use infra::clock::{Clock as _, SystemClock};
use infra::log::{Fault, Log, Producer, Topic, partition_for};
use infra::read_model::generations::Generation;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{EventId, Model, ParkedRecord, Resolution};
use crate::partition::Feed;
use crate::reading::Item;

/// The most characters of an error that are kept.
const ERROR_CHARACTERS_MAX: usize = 1_000;

/// Writes to the topic `parked`.
pub(crate) struct Parking {
    log: Arc<dyn Log>,
    producer: Mutex<Option<Arc<dyn Producer>>>,
}

impl Parking {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, producer: Mutex::new(None) }
    }

    /// Parks a record that `from`, of `model`, could not take. Durable when it returns.
    ///
    /// # Errors
    /// Any [`Fault`]: it may or may not be parked, and should be parked again.
    pub(crate) async fn park(&self, model: Model, from: Feed, item: &Item, error: &str) -> Result<(), Fault> {
        let Item { stored, after, .. } = item;
        let id = EventId { model, partition: from.partition, offset: stored.offset };
        let parked = |with_value| ParkedRecord {
            epoch: after.cursor.epoch,
            sequence: after.cursor.sequence,
            at: Some(SystemClock.now()),
            error: error.chars().take(ERROR_CHARACTERS_MAX).collect(),
            record: copy(&stored.record, with_value),
            ..about(id, from.generation)
        };
        let key = String::from_utf8_lossy(&stored.record.key).into_owned();
        let whole = record(&key, &parked(true))?;
        // A record near the limit does not fit into its own description; its place in the log is enough to find it again.
        let fits = whole.size_bytes() <= self.log.record_bytes_max();
        self.append(&key, if fits { whole } else { record(&key, &parked(false))? }).await
    }

    /// Says what became of an event whose stream is `key`. Durable when it returns.
    ///
    /// # Errors
    /// As [`Parking::park`].
    pub(crate) async fn resolve(&self, id: EventId, key: &str, resolution: Resolution) -> Result<(), Fault> {
        let resolved = ParkedRecord { resolution: Some(resolution), ..about(id, Generation::FIRST) };
        self.append(key, record(key, &resolved)?).await
    }

    async fn append(&self, key: &str, record: Record) -> Result<(), Fault> {
        let to = partition_for(&*self.log, Topic::Parked, key);
        let mut session = self.producer.lock().await;
        let producer = match session.take() {
            Some(producer) => producer,
            None => self.log.producer()?,
        };
        producer.append(to, record)?.await?;
        // Kept only after a success: a session that failed once may be over.
        *session = Some(producer);
        Ok(())
    }
}

fn about(id: EventId, generation: Generation) -> ParkedRecord {
    ParkedRecord {
        topic: id.partition.topic.base_name().to_owned(),
        partition: id.partition.partition,
        offset: id.offset,
        projection: id.model.name().to_owned(),
        generation,
        epoch: 0,
        sequence: 0,
        at: None,
        error: String::new(),
        record: Value::Null,
        resolution: None,
    }
}

fn record(key: &str, content: &ParkedRecord) -> Result<Record, Fault> {
    let value = serde_json::to_vec(content).map_err(|error| Fault::Unavailable(error.to_string()))?;
    let headers = vec![("content-type".into(), b"application/json".to_vec())];
    Ok(Record { key: key.as_bytes().to_vec(), headers, value })
}

fn copy(record: &Record, with_value: bool) -> Value {
    let headers = record.headers.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    json!({
        "key": String::from_utf8_lossy(&record.key),
        "headers": headers.collect::<Vec<_>>(),
        "value": with_value.then(|| STANDARD.encode(&record.value)),
    })
}
