//! From an event to the frame that tells of it.

use std::collections::{BTreeMap, BTreeSet};

use domain::envelope::Version;
use domain::room::{Event, Role};
use domain::{Envelope, RoomId, Sequence, StreamId, Timestamp, UserId};

use super::frame::ServerFrame;
use super::mailbox::LiveChange;
use crate::dto::{Membership, Message, Reactors, RoomDetails};

/// A room's event, as the live feed needs it.
#[derive(Debug)]
pub struct Change {
    /// Which room.
    pub room: RoomId,
    /// Where it stands in its partition.
    pub sequence: Sequence,
    /// The version that it makes.
    pub version: Version,
    decided_at: Timestamp,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// A message without reactions: just sent, or deleted.
    Message(Message),
    /// A message that may have reactions. The event does not say which: the read model does.
    Reacted(Message),
    Room(RoomDetails, Vec<Membership>),
    Members(Vec<Membership>),
}

impl Change {
    /// The change that `envelope` tells of; nothing if it is not about a room.
    #[must_use]
    pub fn of(envelope: Envelope) -> Option<Self> {
        let (StreamId::Room(room), domain::Event::Room(event)) = (envelope.stream, envelope.event) else { return None };
        let metadata = envelope.metadata;
        let version = metadata.stream_version;
        let details = |details| Body::Room(RoomDetails::of_event(room, details), Vec::new());
        let body = match event {
            Event::Created(created) => {
                let members = created.members.into_iter().map(Membership::from).collect();
                Body::Room(RoomDetails::of_event(room, created.details), members)
            }
            Event::Renamed(now) | Event::TopicSet(now) | Event::Archived(now) | Event::Closed(now) | Event::Reopened(now) => {
                details(now)
            }
            Event::MembersAdded(added) => Body::Members(added.members.into_iter().map(Membership::from).collect()),
            Event::MemberJoined(member) | Event::RoleChanged(member) => Body::Members(vec![member.into()]),
            Event::MemberLeft(gone) | Event::MemberRemoved(gone) => Body::Members(vec![gone.into()]),
            Event::MessageSent(sent) => Body::Message(Message::of_facts(room, sent.message, version)),
            Event::MessageEdited(edited) => Body::Reacted(Message::of_facts(room, edited.message, version)),
            Event::MessageDeleted(deleted) => Body::Message(Message::of_deleted(room, deleted, version)),
            Event::ReactionAdded(reaction) | Event::ReactionRemoved(reaction) => {
                Body::Reacted(Message::of_facts(room, reaction.message, version))
            }
        };
        Some(Self { room, sequence: metadata.sequence, version, decided_at: metadata.time, body })
    }

    /// The number of the message whose reactions must be known before the change can be told.
    #[must_use]
    pub const fn needs_reactions(&self) -> Option<u64> {
        match &self.body {
            Body::Reacted(message) => Some(message.number),
            _ => None,
        }
    }

    /// The change as it is sent; `reactors` are the message's, where [`Self::needs_reactions`] asks for them.
    ///
    /// The read model may be ahead of this change. So the text, which a reader who is removed by the very next event must not
    /// see in its later form, is the event's own; only reactions can be newer than the frame, and a later frame repeats them.
    #[must_use]
    pub fn to_live(&self, reactors: &Reactors) -> LiveChange {
        let (room, version) = (self.room, self.version);
        let previous_version = version.saturating_sub(1);
        let mut own = BTreeMap::new();
        let frame = match &self.body {
            Body::Message(message) => ServerFrame::Message { room, previous_version, version, message: message.clone() },
            Body::Reacted(message) => {
                let seen_with = |mine: &BTreeSet<&str>| {
                    let message = Message { reactions: reactors.seen_with(mine), ..message.clone() };
                    ServerFrame::Message { room, previous_version, version, message }
                };
                for (mine, users) in reactors.groups() {
                    let text = seen_with(&mine).to_text();
                    own.extend(users.into_iter().map(|user| (user.clone(), text.clone())));
                }
                seen_with(&BTreeSet::new())
            }
            Body::Room(details, members) => {
                let (details, members) = (details.clone(), members.clone());
                ServerFrame::Room { room, previous_version, version, details, members }
            }
            Body::Members(members) => ServerFrame::Member { room, previous_version, version, members: members.clone() },
        };
        LiveChange { room, version, decided_at: self.decided_at, text: frame.to_text(), own, members: self.members() }
    }

    fn members(&self) -> BTreeMap<UserId, Option<Role>> {
        match &self.body {
            Body::Room(_, members) | Body::Members(members) => members.iter().map(|m| (m.user_id.clone(), m.role)).collect(),
            Body::Message(_) | Body::Reacted(_) => BTreeMap::new(),
        }
    }
}
