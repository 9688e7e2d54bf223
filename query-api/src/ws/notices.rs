//! What passes by without order: read positions and typing. Followed from the end of their topics; who was not there missed it.

use std::sync::Arc;

use domain::wire::Record;
use domain::{RoomId, Timestamp, UserId};
use infra::log::{Fault, Offset, Topic, TopicPartition};
use serde::{Deserialize, Serialize};

use super::Live;
use super::backoff::Backoff;
use super::frame::ServerFrame;
use super::limits::TYPING_AGE_MAX;
use super::mailbox::{Item, Notice};
use super::tail::{QUESTION_WAIT, RECORDS_MAX};

/// A record of `reads.v1`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadRecord {
    room_id: RoomId,
    user_id: UserId,
    number: u64,
}

/// A record of `presence.v1`.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum PresenceRecord {
    /// Somebody types.
    Typing {
        /// Where.
        room_id: RoomId,
        /// Who.
        user_id: UserId,
        /// When.
        at: Timestamp,
    },
}

impl PresenceRecord {
    /// The record as it goes into the log, keyed by the room.
    #[must_use]
    pub fn to_record(&self) -> Record {
        let Self::Typing { room_id, .. } = self;
        // A struct of ids and times always serialises.
        Record { key: room_id.to_string().into_bytes(), headers: Vec::new(), value: serde_json::to_vec(self).unwrap_or_default() }
    }
}

/// Follows one partition of `topic` from its end until dropped.
pub async fn follow(live: Arc<Live>, of: TopicPartition) {
    let mut backoff = Backoff::default();
    let mut position: Option<Offset> = None;
    loop {
        let followed: Result<(), Fault> = async {
            let from = match position {
                Some(from) => from,
                None => live.log.end(of).await?,
            };
            let mut tail = live.log.tail(of, from).await?;
            loop {
                for stored in tail.next(RECORDS_MAX, QUESTION_WAIT).await? {
                    position = Some(stored.offset + 1);
                    pass_on(&live, of.topic, &stored.record);
                }
                backoff.succeeded();
            }
        }
        .await;
        if let Err(fault) = followed {
            if matches!(fault, Fault::Misconfigured(_)) {
                position = None;
            }
            backoff.failed(&fault, "the live feed cannot follow notices and tries again").await;
        }
    }
}

fn pass_on(live: &Live, topic: Topic, record: &Record) {
    let notice = match topic {
        Topic::Reads => serde_json::from_slice(&record.value).map(of_read).ok(),
        _ => serde_json::from_slice(&record.value).ok().and_then(|record| of_presence(record, live.clock.now())),
    };
    // What cannot be read here (a later version's notice, a tombstone) is not worth more than passing over.
    if let Some(notice) = notice.filter(|notice| live.hub.is_followed(notice.room)) {
        live.hub.notify(notice.room, &Item::Notice(Arc::new(notice)));
    }
}

fn of_read(record: ReadRecord) -> Notice {
    let (room, user, number) = (record.room_id, record.user_id, record.number);
    let text = ServerFrame::Read { room, user_id: user.clone(), number }.to_text();
    Notice { room, user, to_self: true, text }
}

fn of_presence(PresenceRecord::Typing { room_id, user_id, at }: PresenceRecord, now: Timestamp) -> Option<Notice> {
    if now.as_millis() - at.as_millis() > i64::try_from(TYPING_AGE_MAX.as_millis()).unwrap_or(i64::MAX) {
        return None;
    }
    let text = ServerFrame::Typing { room: room_id, user_id: user_id.clone(), at }.to_text();
    Some(Notice { room: room_id, user: user_id, to_self: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_notice_comes_back_as_it_went_and_grows_old() {
        let at: Timestamp = "2026-11-22T14:03:09.000Z".parse().unwrap();
        let typing =
            || PresenceRecord::Typing { room_id: RoomId::of_import("t", "r"), user_id: UserId::parse("ann").unwrap(), at };
        let record = typing().to_record();
        let json: serde_json::Value = serde_json::from_slice(&record.value).unwrap();
        assert_eq!(json["kind"], "typing");
        assert_eq!(json["userId"], "ann");
        assert_eq!(serde_json::from_slice::<PresenceRecord>(&record.value).unwrap(), typing());
        assert!(of_presence(typing(), at.saturating_add_millis(9_000)).is_some());
        assert!(of_presence(typing(), at.saturating_add_millis(11_000)).is_none());
    }
}
