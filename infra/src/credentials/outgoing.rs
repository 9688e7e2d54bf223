//! Records on their way into the log.

use domain::wire::Record;

use crate::log::Topic;
use crate::revocation::Revocation;

/// A record to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The topic: [`Topic::Sagas`] or [`Topic::Revoked`].
    pub topic: Topic,
    /// The record.
    pub record: Record,
}

impl From<&Revocation> for Outgoing {
    fn from(revocation: &Revocation) -> Self {
        Self { topic: Topic::Revoked, record: revocation.to_record() }
    }
}

impl From<&domain::saga::Envelope> for Outgoing {
    fn from(envelope: &domain::saga::Envelope) -> Self {
        Self { topic: Topic::Sagas, record: envelope.to_record() }
    }
}

/// A record that the caller may send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// Its number in the outbox.
    pub id: i64,
    /// What to send.
    pub outgoing: Outgoing,
}
