//! The form of records in `sagas.v1`: CloudEvents 1.0, Kafka binary mode, as events have it, but without epoch, sequence and
//! version: the topic has no owner. Anybody's record may stand there twice; its id says so.

use uuid::Uuid;

use super::{Message, SagaId};
use crate::time::Timestamp;
use crate::wire::{DecodeError, Record};

/// The name space of message ids.
const MESSAGE_IDS: Uuid = Uuid::from_u128(0x91c4_0e7b_5d2f_4a68_b3a1_0f4e_7c55_d2ac);

/// A message with what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The saga that it belongs to.
    pub saga: SagaId,
    /// When it was decided.
    pub time: Timestamp,
    /// The message or event that caused it, if another one did.
    pub causation_id: Option<Uuid>,
    /// W3C trace context of the request that began the saga.
    pub traceparent: Option<String>,
    /// What is said.
    pub message: Message,
}

impl Envelope {
    /// The message's own id: of saga and type, because a saga says each thing once.
    #[must_use]
    pub fn id(&self) -> Uuid {
        Uuid::new_v5(&MESSAGE_IDS, format!("{}\0{}", self.saga, self.message.type_name()).as_bytes())
    }

    /// Makes the record.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let mut record = Record { key: self.saga.to_string().into_bytes(), ..Record::default() };
        record.push_common(self.id(), self.message.type_name(), self.time, &self.saga);
        record.push("ce_correlationid", self.saga);
        if let Some(cause) = self.causation_id {
            record.push("ce_causationid", cause);
        }
        if let Some(traceparent) = &self.traceparent {
            record.push("traceparent", traceparent);
        }
        record.value = self.message.to_json();
        record
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`DecodeError`] when it is none of ours, or of a later version than this program knows.
    pub fn of_record(record: &Record) -> Result<Self, DecodeError> {
        let message_type = record.header("ce_type").ok_or(DecodeError::MissingHeader("ce_type"))?;
        let causation_id = record.header("ce_causationid").map(|_| record.parsed("ce_causationid")).transpose()?;
        let envelope = Self {
            saga: record.parsed("ce_subject")?,
            time: record.parsed("ce_time")?,
            causation_id,
            traceparent: record.header("traceparent").map(str::to_owned),
            message: Message::from_json(message_type, &record.value)?,
        };
        // Key, subject and id must name the same thing: who reads by one must not be told another.
        let correlated = record.parsed::<SagaId>("ce_correlationid")? == envelope.saga;
        let identified = record.parsed::<Uuid>("ce_id")? == envelope.id();
        if !correlated || !identified || record.key != envelope.saga.to_string().as_bytes() {
            return Err(DecodeError::Misplaced);
        }
        Ok(envelope)
    }
}
