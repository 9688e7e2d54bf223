//! What a record of `revoked.v1` says.

use domain::wire::Record;
use domain::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Something that is no longer accepted. Its JSON is the record's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Revocation {
    /// A session was ended: by its person, by an administrator, or because an old refresh token of it was used.
    Session {
        /// The `sid` of its tokens.
        session_id: Uuid,
        /// Whose it was.
        user_id: UserId,
        /// After this no token of the session is good anyway.
        until: Timestamp,
    },
    /// A person was disabled or left for good: none of their tokens of that time counts.
    User {
        /// Who.
        user_id: UserId,
        /// Tokens that were issued up to this moment are refused.
        issued_until: Timestamp,
        /// After this no such token is good anyway.
        until: Timestamp,
    },
}

impl Revocation {
    /// The record's key.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Session { session_id, .. } => format!("session/{session_id}"),
            Self::User { user_id, .. } => format!("user/{user_id}"),
        }
    }

    /// After this moment it concerns no token that could be good.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        match self {
            Self::Session { until, .. } | Self::User { until, .. } => *until,
        }
    }

    /// Makes the record.
    #[must_use]
    pub fn to_record(&self) -> Record {
        // Our own types always serialise: they have string keys and no serialiser of theirs fails.
        let value = serde_json::to_vec(self).unwrap_or_default();
        Record { key: self.key().into_bytes(), headers: Vec::new(), value }
    }

    /// Reads a record; nothing when it is none of ours, or says under its key that there is nothing any more.
    #[must_use]
    pub fn of_record(record: &Record) -> Option<Self> {
        let revocation: Self = serde_json::from_slice(&record.value).ok()?;
        (revocation.key().as_bytes() == record.key).then_some(revocation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_so_and_read_back() {
        let until = Timestamp::from_millis(1_700_000_000_000).unwrap();
        let ann = UserId::parse("ann").unwrap();
        let session = Revocation::Session { session_id: Uuid::nil(), user_id: ann.clone(), until };
        let user = Revocation::User { user_id: ann, issued_until: until, until };
        for (revocation, key, value) in [
            (
                session,
                "session/00000000-0000-0000-0000-000000000000",
                r#"{"kind":"session","sessionId":"00000000-0000-0000-0000-000000000000","userId":"ann","until":"2023-11-14T22:13:20.000Z"}"#,
            ),
            (
                user,
                "user/ann",
                r#"{"kind":"user","userId":"ann","issuedUntil":"2023-11-14T22:13:20.000Z","until":"2023-11-14T22:13:20.000Z"}"#,
            ),
        ] {
            let record = revocation.to_record();
            assert_eq!((record.key.as_slice(), std::str::from_utf8(&record.value)), (key.as_bytes(), Ok(value)));
            assert_eq!(Revocation::of_record(&record).as_ref(), Some(&revocation));
            assert_eq!(Revocation::of_record(&Record { key: b"user/bob".to_vec(), ..record }), None);
        }
        assert_eq!(Revocation::of_record(&Record { key: b"user/ann".to_vec(), ..Record::default() }), None, "a tombstone");
    }
}
