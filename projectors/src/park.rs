//! Parks what cannot be applied: a copy in the topic `parked`, with the error, for people to look at and to retry.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::wire::Record;
use infra::log::{Fault, Log, Producer, StoredRecord, Topic, TopicPartition, partition_for};
use infra::read_model::Checkpoint;
use serde_json::{Value, json};
use tokio::sync::Mutex;

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

    /// Parks a record that stood at `from`. Durable when it returns.
    ///
    /// # Errors
    /// Any [`Fault`]: it may or may not be parked, and should be parked again.
    pub(crate) async fn park(
        &self,
        from: TopicPartition,
        stored: &StoredRecord,
        after: Checkpoint,
        error: &str,
    ) -> Result<(), Fault> {
        let mut session = self.producer.lock().await;
        let producer = match session.take() {
            Some(producer) => producer,
            None => self.log.producer()?,
        };
        match self.append(&*producer, from, stored, after, error).await {
            Ok(()) => {
                // Kept only after a success: a session that failed once may be over.
                *session = Some(producer);
                Ok(())
            }
            Err(fault) => Err(fault),
        }
    }

    async fn append(
        &self,
        producer: &dyn Producer,
        from: TopicPartition,
        stored: &StoredRecord,
        after: Checkpoint,
        error: &str,
    ) -> Result<(), Fault> {
        let key = String::from_utf8_lossy(&stored.record.key).into_owned();
        let to = partition_for(&*self.log, Topic::Parked, &key);
        let record = |with_value| Record {
            key: key.clone().into_bytes(),
            headers: vec![("content-type".into(), b"application/json".to_vec())],
            value: parked(from, stored, after, error, with_value).to_string().into_bytes(),
        };
        let whole = record(true);
        // A record near the limit does not fit into its own description; its place in the log is enough to find it again.
        let record = if whole.size_bytes() > self.log.record_bytes_max() { record(false) } else { whole };
        producer.append(to, record)?.await.map(drop)
    }
}

fn parked(from: TopicPartition, stored: &StoredRecord, after: Checkpoint, error: &str, with_value: bool) -> Value {
    let record = &stored.record;
    let headers = record.headers.iter().map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    json!({
        "topic": from.topic.base_name(),
        "partition": from.partition,
        "offset": stored.offset,
        "epoch": after.cursor.epoch,
        "sequence": after.cursor.sequence,
        "projection": "timeline",
        "error": error.chars().take(ERROR_CHARACTERS_MAX).collect::<String>(),
        "record": {
            "key": String::from_utf8_lossy(&record.key),
            "headers": headers.collect::<Vec<_>>(),
            "value": with_value.then(|| STANDARD.encode(&record.value)),
        },
    })
}
