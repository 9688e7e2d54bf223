//! Writes read positions to the compacted topic `reads`.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::room::Number;
use domain::wire::Record;
use domain::{RoomId, Timestamp, UserId};
use infra::log::{Fault, Log, Producer, Topic, partition_for};
use serde::Serialize;

/// How far one person has read one room. Its JSON is the record's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadPosition {
    /// The room.
    pub room_id: RoomId,
    /// The person.
    pub user_id: UserId,
    /// The number of the last message read.
    pub number: Number,
    /// When it was taken.
    pub at: Timestamp,
}

/// Takes read positions.
#[async_trait]
pub trait ReadPositions: Send + Sync + 'static {
    /// Returns once the position is durable.
    ///
    /// # Errors
    /// A [`Fault`] of the log. Recording again does no harm: readers take the maximum.
    async fn record(&self, position: ReadPosition) -> Result<(), Fault>;
}

/// The topic `reads` of the log.
pub struct LogReadPositions {
    log: Arc<dyn Log>,
    /// The session that is used until it fails; read positions need no fencing, so one is as good as another.
    producer: Mutex<Option<Arc<dyn Producer>>>,
}

impl LogReadPositions {
    /// Writes to `log`, with a session of its own that is opened when it is first needed.
    #[must_use]
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log, producer: Mutex::new(None) }
    }

    fn session(&self) -> Result<Arc<dyn Producer>, Fault> {
        let mut held = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(producer) = held.as_ref() {
            return Ok(Arc::clone(producer));
        }
        let fresh = self.log.producer()?;
        *held = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Forgets `failed`, unless somebody else has replaced it already.
    fn forget(&self, failed: &Arc<dyn Producer>) {
        let mut held = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|producer| Arc::ptr_eq(producer, failed)) {
            *held = None;
        }
    }
}

#[async_trait]
impl ReadPositions for LogReadPositions {
    async fn record(&self, position: ReadPosition) -> Result<(), Fault> {
        let key = format!("{}/{}", position.room_id, position.user_id);
        let value = serde_json::to_vec(&position).map_err(|error| Fault::Misconfigured(error.to_string()))?;
        let to = partition_for(self.log.as_ref(), Topic::Reads, &key);
        let producer = self.session()?;
        let appended = match producer.append(to, Record { key: key.into_bytes(), headers: Vec::new(), value }) {
            Ok(appending) => appending.await.map(drop),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = &appended
            && !matches!(fault, Fault::QueueFull | Fault::TooLarge { .. })
        {
            self.forget(&producer);
        }
        appended
    }
}
