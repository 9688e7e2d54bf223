//! How a subscription begins: from what the read model holds to what the live feed brings, without a gap.
//!
//! The socket is registered with the hub before this runs, so that live changes already wait for it. Then, in this order: wait
//! until the read model holds all that came before the registration; read the room as of one moment, with the right to read it;
//! turn what changed since the client's version into frames. The live changes up to that moment are then repetitions, and the
//! first one after it is the next link of the chain.

use std::collections::BTreeMap;

use axum::extract::ws::Utf8Bytes;
use domain::envelope::Version;
use domain::ids::EventTopic;
use domain::room::{Kind, Role};
use domain::{RoomId, Sequence, UserId};
use infra::log::{Topic, TopicPartition};
use infra::read_model::{RoomChanges, RoomView};
use tokio::time::Instant;

use super::Live;
use super::frame::{ResyncReason, ServerFrame};
use super::hub::Registration;
use crate::access::may_read;
use crate::dto::{Membership, Message, RoomDetails};
use crate::reading::Reading;

/// A room as of one moment.
#[derive(Debug)]
pub struct Snapshot {
    /// The version of that moment: live changes up to it are repetitions.
    pub version: Version,
    /// The version with which the client's chain begins.
    pub begin: Version,
    /// What the client missed: the chain from `begin` to `version`.
    pub frames: Vec<Utf8Bytes>,
    /// The kind of room.
    pub kind: Kind,
    /// The reader's role; nothing when they are no member.
    pub role: Option<Role>,
}

/// Why a subscription does not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no such room for this person.
    NotFound,
    /// The client must start anew.
    Resync(ResyncReason),
    /// The read model cannot be read.
    Unavailable,
}

/// What the client asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which room.
    pub room: RoomId,
    /// For whom.
    pub viewer: UserId,
    /// The version that the client has.
    pub after: Option<Version>,
    /// Since when live changes wait.
    pub registration: Registration,
}

/// Reads the room as of a moment after the registration.
///
/// # Errors
/// [`Refused`].
pub async fn join(live: &Live, request: &Request) -> Result<Snapshot, Refused> {
    let deadline = Instant::now() + live.limits.read_model_wait_max;
    let Registration { partition, sequence } = request.registration;
    // One generation of the read model from here to the end.
    let reading = live.readings.now().map_err(|fault| unavailable(&fault))?;
    read_model_at(&reading, partition, sequence, deadline).await?;
    match read(live, &reading, request).await {
        // Whoever has just made or entered a room, and heard so from the owner, or comes from a node that is ahead, may be ahead of this
        // node's tail: before one says that there is no such room or version, one must have seen all that was in the log when one was asked.
        Err(Refused::NotFound) | Ok(None) => {
            let of = TopicPartition { topic: Topic::Rooms, partition };
            let end = live.log.end(of).await.map_err(|fault| unavailable(&fault))?;
            let passed = live.positions.passed(partition, end, deadline).await;
            let sequence = passed.ok_or(Refused::Resync(ResyncReason::ReadModelBehind))?;
            read_model_at(&reading, partition, sequence, deadline).await?;
            // A version that is not even there now is of another history.
            read(live, &reading, request).await?.ok_or(Refused::Resync(ResyncReason::VersionUnknown))
        }
        Ok(Some(snapshot)) => Ok(snapshot),
        Err(refused) => Err(refused),
    }
}

async fn read_model_at(reading: &Reading, partition: u32, sequence: Sequence, deadline: Instant) -> Result<(), Refused> {
    let reached = reading.progress.reached(EventTopic::Rooms, partition, sequence, deadline).await;
    reached.map_err(|_| Refused::Resync(ResyncReason::ReadModelBehind))
}

/// The room now; nothing when it has not come to the client's version.
async fn read(live: &Live, reading: &Reading, request: &Request) -> Result<Option<Snapshot>, Refused> {
    // Bounds how many read at once on this node; never closed, so that it always grants.
    let _reading = live.joins_reading.acquire().await.map_err(|_| Refused::Unavailable)?;
    let room = reading.timeline.room_for(request.room, &request.viewer).await.map_err(|fault| unavailable(&fault))?;
    let room = room.filter(may_read).ok_or(Refused::NotFound)?;
    match request.after {
        Some(after) if after > room.version => Ok(None),
        Some(after) if after < room.version => missed(live, reading, request, after).await.map(Some),
        _ => Ok(Some(snapshot(&room, room.version, Vec::new()))),
    }
}

async fn missed(live: &Live, reading: &Reading, request: &Request, after: Version) -> Result<Snapshot, Refused> {
    let changes = reading.timeline.changes_after(request.room, after, live.limits.changes_max, &request.viewer).await;
    let changes = changes.map_err(|fault| unavailable(&fault))?.ok_or(Refused::Resync(ResyncReason::TooFarBehind))?;
    // Decided anew, as of the moment that the rows are of: the person may have been removed since the first look.
    if !may_read(&changes.room) {
        return Err(Refused::NotFound);
    }
    let room = changes.room.clone();
    let frames = chain(after, changes);
    if frames.iter().map(|frame| frame.len()).sum::<usize>() > live.limits.changes_bytes_max {
        return Err(Refused::Resync(ResyncReason::TooFarBehind));
    }
    Ok(snapshot(&room, after, frames))
}

fn snapshot(room: &RoomView, begin: Version, frames: Vec<Utf8Bytes>) -> Snapshot {
    Snapshot { version: room.version, begin, frames, kind: room.kind, role: room.viewer.role }
}

fn unavailable(fault: &dyn std::fmt::Display) -> Refused {
    tracing::warn!(%fault, "a subscription failed because the read model or the log cannot be read");
    Refused::Unavailable
}

/// What one version made, of what is still visible.
#[derive(Default)]
struct Made {
    details: bool,
    members: Vec<Membership>,
    message: Option<Message>,
}

/// The frames that lead from `after` to the version of `changes`, each linked to the one before.
fn chain(after: Version, changes: RoomChanges) -> Vec<Utf8Bytes> {
    let RoomChanges { room, details_version, members, messages } = changes;
    let (id, end) = (room.room, room.version);
    let details = RoomDetails::of_view(room);
    let mut made: BTreeMap<Version, Made> = BTreeMap::new();
    if let Some(version) = details_version {
        made.entry(version).or_default().details = true;
    }
    for member in members {
        let version = member.version;
        made.entry(version).or_default().members.push(member.into());
    }
    for message in messages {
        let version = message.version;
        made.entry(version).or_default().message = Some(message.into());
    }
    // The chain ends at the room's version even where that one's own row is gone (an event that was parked).
    if made.last_key_value().is_none_or(|(last, _)| *last < end) {
        made.entry(end).or_default().details = true;
    }
    let mut previous_version = after;
    let mut frames = Vec::with_capacity(made.len());
    for (version, Made { details: with_details, members, message }) in made {
        let mut link = |frame: ServerFrame| frames.push(frame.to_text());
        let mut previous = std::mem::replace(&mut previous_version, version);
        if let Some(message) = message {
            link(ServerFrame::Message { room: id, previous_version: previous, version, message });
            previous = version;
        }
        if with_details {
            link(ServerFrame::Room { room: id, previous_version: previous, version, details: details.clone(), members });
        } else if !members.is_empty() {
            link(ServerFrame::Member { room: id, previous_version: previous, version, members });
        }
    }
    frames
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::room::Status;
    use infra::read_model::{MemberView, MessageView, Viewer};

    use super::*;

    fn user(id: &str) -> UserId {
        UserId::parse(id).unwrap()
    }
    fn room(version: Version) -> RoomView {
        RoomView {
            room: RoomId::of_import("test", "room"),
            kind: Kind::Private,
            status: Status::Open,
            name: None,
            topic: String::new(),
            created_by: user("ann"),
            created_at: Timestamp::default(),
            version,
            last_number: 0,
            last_activity_at: Timestamp::default(),
            member_count: 1,
            viewer: Viewer::default(),
        }
    }
    fn member(id: &str, version: Version) -> MemberView {
        MemberView {
            user: user(id),
            user_name: id.to_owned(),
            role: Some(Role::Member),
            joined_at: Timestamp::default(),
            version,
        }
    }
    fn message(number: u64, version: Version) -> MessageView {
        MessageView {
            room: RoomId::of_import("test", "room"),
            number,
            author: user("ann"),
            sent_at: Timestamp::default(),
            reply_to: None,
            text: Some("x".to_owned()),
            mentions: Vec::new(),
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            version,
        }
    }
    fn links(frames: &[Utf8Bytes]) -> Vec<(String, u64, u64)> {
        let link = |frame: &Utf8Bytes| {
            let json: serde_json::Value = serde_json::from_str(frame.as_str()).unwrap();
            let number = |name: &str| json[name].as_u64().unwrap();
            (json["type"].as_str().unwrap().to_owned(), number("previousVersion"), number("version"))
        };
        frames.iter().map(link).collect()
    }

    #[test]
    fn what_was_missed_is_a_chain_from_the_clients_version_to_the_rooms() {
        let changes = RoomChanges {
            room: room(9),
            details_version: Some(6),
            members: vec![member("bob", 3), member("cid", 3), member("dan", 8)],
            messages: vec![message(1, 9), message(2, 5)],
        };
        let expected = [("member", 2, 3), ("message", 3, 5), ("room", 5, 6), ("member", 6, 8), ("message", 8, 9)];
        assert_eq!(links(&chain(2, changes)), expected.map(|(name, from, to)| (name.to_owned(), from, to)));
    }

    #[test]
    fn the_making_of_a_room_is_one_link() {
        let changes = RoomChanges {
            room: room(1),
            details_version: Some(1),
            members: vec![member("ann", 1), member("bob", 1)],
            messages: Vec::new(),
        };
        assert_eq!(links(&chain(0, changes)), [("room".to_owned(), 0, 1)]);
    }

    #[test]
    fn the_chain_reaches_the_rooms_version_even_if_no_row_does() {
        let changes = RoomChanges { room: room(7), details_version: None, members: Vec::new(), messages: vec![message(1, 4)] };
        assert_eq!(links(&chain(3, changes)), [("message".to_owned(), 3, 4), ("room".to_owned(), 4, 7)]);
    }
}
