//! What passes by without order: read positions, typing and presence, and what events of people change in who sees whom.
//!
//! Read positions are followed from the end of their topic; who was not there missed them. Presence is followed from its beginning, a
//! minute back, so that a node that starts knows at once who is there. People are followed from where the read model stands: of what
//! that one does not hold yet, nothing is missed.

use std::sync::Arc;

use domain::ids::EventTopic;
use domain::wire::{Entry, Record};
use domain::{RoomId, Timestamp, UserId, Verdict};
use infra::log::{Fault, Topic, TopicPartition};
use infra::read_model::Checkpoint;
use serde::Deserialize;

use super::Live;
use super::backoff::Backoff;
use super::frame::ServerFrame;
use super::limits::TYPING_AGE_MAX;
use super::mailbox::{Item, Notice};
use super::presence::{PresenceRecord, is_older};
use super::tail::{QUESTION_WAIT, RECORDS_MAX};

/// A record of `reads.v1`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadRecord {
    room_id: RoomId,
    user_id: UserId,
    number: u64,
}

/// Follows one partition until dropped.
pub async fn follow(live: Arc<Live>, of: TopicPartition) {
    let mut backoff = Backoff::default();
    let mut position: Option<Checkpoint> = None;
    loop {
        let followed: Result<(), Fault> = async {
            let mut place = match position {
                Some(place) => place,
                None => begin(&live, of).await?,
            };
            let mut tail = live.log.tail(of, place.next_offset).await?;
            loop {
                for stored in tail.next(RECORDS_MAX, QUESTION_WAIT).await? {
                    pass_on(&live, of, &stored.record, &mut place);
                    place.next_offset = stored.offset + 1;
                    position = Some(place);
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

async fn begin(live: &Live, of: TopicPartition) -> Result<Checkpoint, Fault> {
    match of.topic {
        Topic::Presence => Ok(Checkpoint::default()),
        Topic::Users => {
            let checkpoint = async { live.readings.now()?.timeline.checkpoint(of).await };
            checkpoint.await.map_err(|fault: infra::read_model::Fault| Fault::Unavailable(fault.to_string()))
        }
        _ => Ok(Checkpoint { next_offset: live.log.end(of).await?, ..Checkpoint::default() }),
    }
}

/// What cannot be read here (a later version's notice, a tombstone) is not worth more than passing over.
fn pass_on(live: &Live, of: TopicPartition, record: &Record, place: &mut Checkpoint) {
    let now = live.clock.now();
    let notice = match of.topic {
        Topic::Reads => serde_json::from_slice(&record.value).ok().map(of_read),
        Topic::Presence => match serde_json::from_slice(&record.value) {
            Ok(PresenceRecord::Typing { room_id, user_id, at }) => of_typing(room_id, user_id, at, now),
            Ok(people) => return live.board.take(people, now),
            Err(_) => return,
        },
        _ => {
            if place.cursor.accept(record.mark()) == Verdict::Effective {
                of_people(live, of.partition, record, now);
            }
            return;
        }
    };
    if let Some(notice) = notice.filter(|notice| live.hub.is_followed(notice.room)) {
        live.hub.notify(notice.room, &Item::Notice(Arc::new(notice)));
    }
}

/// What an event takes away holds at once; what is true of people is read from the read model.
fn of_people(live: &Live, partition: u32, record: &Record, now: Timestamp) {
    let concerns_presence =
        |kind: &str| kind.starts_with("sarangbang.relation.") || kind.starts_with("sarangbang.user.visibility-");
    if !record.header("ce_type").is_some_and(concerns_presence) {
        return;
    }
    if let Ok(Entry::Event(envelope)) = record.decode(EventTopic::Users) {
        live.board.on_event(&envelope, partition, now);
    }
}

fn of_read(record: ReadRecord) -> Notice {
    let (room, user, number) = (record.room_id, record.user_id, record.number);
    let text = ServerFrame::Read { room, user_id: user.clone(), number }.to_text();
    Notice { room, user, to_self: true, text }
}

fn of_typing(room: RoomId, user: UserId, at: Timestamp, now: Timestamp) -> Option<Notice> {
    if is_older(at, TYPING_AGE_MAX, now) {
        return None;
    }
    let text = ServerFrame::Typing { room, user_id: user.clone(), at }.to_text();
    Some(Notice { room, user, to_self: false, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_notice_grows_old() {
        let at: Timestamp = "2026-11-22T14:03:09.000Z".parse().unwrap();
        let typing = |now| of_typing(RoomId::of_import("t", "r"), UserId::parse("ann").unwrap(), at, now);
        assert!(typing(at.saturating_add_millis(9_000)).is_some());
        assert!(typing(at.saturating_add_millis(11_000)).is_none());
    }
}
