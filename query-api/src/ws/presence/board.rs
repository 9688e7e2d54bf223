//! What this node knows and says of presence, in one place under one lock, which is never held while anything is awaited.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::relation::Event as RelationEvent;
use domain::user::Event as UserEvent;
use domain::{Envelope, Event, RoomId, StreamId, Timestamp, UserId};
use uuid::Uuid;

use super::here::{Circle, Here, Needed};
use super::known::{Changed, Known};
use super::record::{PresenceRecord, Said};
use crate::dto::{PersonPresence, Presence, PresenceState};
use crate::ws::frame::ServerFrame;
use crate::ws::limits::{FRAME_PEOPLE_MAX, RECORD_PEOPLE_MAX};
use crate::ws::mailbox::{Item, Mailbox, SocketId};

/// The presence of everybody, and of those who are here.
#[derive(Debug)]
pub struct Board {
    /// This run of this node.
    node: Uuid,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: Known,
    here: Here,
}

impl Board {
    /// Of at most so many people.
    #[must_use]
    pub fn new(node: Uuid, people_max: usize) -> Self {
        Self { node, state: Mutex::new(State { known: Known::new(people_max), here: Here::default() }) }
    }

    /// The presence of `user`. Whether it may be shown to somebody is for the caller to know.
    #[must_use]
    pub fn of(&self, user: &UserId) -> Presence {
        self.state().known.of(user)
    }

    /// A socket of `user` shows `state` from now on; nothing for one that only types.
    pub fn enter(&self, user: &UserId, mailbox: &Arc<Mailbox>, state: Option<PresenceState>) {
        let mut board = self.state();
        if board.here.enter(user, mailbox, state) {
            // A second socket of somebody whose circle is known is told at once what the first one was told.
            let friends = board.here.friends_of(user);
            board.tell(friends.iter(), std::slice::from_ref(mailbox));
        }
    }

    /// That socket is closed.
    pub fn leave(&self, user: &UserId, socket: SocketId) {
        self.state().here.leave(user, socket);
    }

    /// `user` types in `room`. Answers whether that may be told now.
    pub fn typing(&self, user: &UserId, mailbox: &Arc<Mailbox>, room: RoomId, at: Timestamp) -> bool {
        let mut board = self.state();
        board.here.enter(user, mailbox, None);
        board.here.typing(user, room, at)
    }

    /// Takes in what a node said.
    pub fn take(&self, record: PresenceRecord, now: Timestamp) {
        let mut board = self.state();
        let changed = board.known.take(record, now);
        board.show(changed);
    }

    /// Takes in an effective event of the users' partition `partition`: what it takes away holds at once, for what it gives the read
    /// model is asked again.
    pub fn on_event(&self, envelope: &Envelope, partition: u32, now: Timestamp) {
        let sequence = envelope.metadata.sequence;
        match (&envelope.stream, &envelope.event) {
            (StreamId::User(user), Event::User(UserEvent::VisibilityChanged(change))) => {
                let mut board = self.state();
                board.here.saw(partition, sequence);
                if change.presence_hidden {
                    board.here.hide(user);
                    let changed = board.known.hide(user.clone(), now);
                    board.show(changed);
                }
                board.here.stale(user, partition, sequence);
            }
            (StreamId::Relation(_), Event::Relation(event)) => {
                let step = event.step();
                let mut board = self.state();
                board.here.saw(partition, sequence);
                match event {
                    RelationEvent::FriendRequested(_) | RelationEvent::FriendDeclined(_) | RelationEvent::Unblocked(_) => return,
                    RelationEvent::FriendAccepted(_) => {}
                    RelationEvent::FriendRemoved(_) | RelationEvent::Blocked(_) => {
                        board.part(&step.by, &step.other);
                        board.part(&step.other, &step.by);
                    }
                }
                board.here.stale(&step.by, partition, sequence);
                board.here.stale(&step.other, partition, sequence);
            }
            _ => {}
        }
    }

    /// What this node must tell the others now.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Vec<PresenceRecord> {
        let said = self.state().here.due(now);
        let records = said.chunks(RECORD_PEOPLE_MAX);
        records.map(|people: &[Said]| PresenceRecord::People { node: self.node, at: now, people: people.to_vec() }).collect()
    }

    /// Lets go of what is over. How many people are present.
    pub fn expire(&self, now: Timestamp) -> usize {
        let mut board = self.state();
        let changed = board.known.expire(now);
        board.show(changed);
        board.known.present()
    }

    /// Whose circles are to be read now.
    #[must_use]
    pub fn reads_due(&self) -> Vec<(UserId, Needed)> {
        self.state().here.reads_due()
    }

    /// A circle was read. Answers the typing that waited for it.
    pub fn read(&self, user: &UserId, circle: Circle) -> Vec<(RoomId, Timestamp)> {
        let mut board = self.state();
        let met = board.here.read(user, circle);
        let sockets: Vec<_> = board.here.sockets_of(user).cloned().collect();
        board.tell(met.friends.iter(), &sockets);
        for stranger in &met.strangers {
            say(&[PersonPresence::of(stranger.clone(), Presence::UNKNOWN)], &sockets);
        }
        met.typing
    }

    /// It could not be read.
    pub fn unread(&self, user: &UserId, needed: Needed) {
        self.state().here.unread(user, needed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Shows changes to those who may see them.
    fn show(&self, changed: impl IntoIterator<Item = Changed>) {
        for (user, presence) in changed {
            let watchers: Vec<_> = self.here.watchers_of(&user).cloned().collect();
            if !watchers.is_empty() {
                say(&[PersonPresence::of(user, presence)], &watchers);
            }
        }
    }

    /// Tells what is known of `friends`.
    fn tell<'a>(&self, friends: impl Iterator<Item = &'a UserId>, sockets: &[Arc<Mailbox>]) {
        let known = friends.map(|friend| PersonPresence::of(friend.clone(), self.known.of(friend)));
        let known: Vec<_> = known.filter(|person| person.presence != Presence::UNKNOWN).collect();
        for people in known.chunks(FRAME_PEOPLE_MAX) {
            say(people, sockets);
        }
    }

    /// `user` sees `other` no more, and is told nothing but that.
    fn part(&mut self, user: &UserId, other: &UserId) {
        if self.here.part(user, other) {
            say(&[PersonPresence::of(other.clone(), Presence::UNKNOWN)], self.here.sockets_of(user));
        }
    }
}

fn say<'a>(people: &[PersonPresence], sockets: impl IntoIterator<Item = &'a Arc<Mailbox>>) {
    let text = ServerFrame::Presence { people: people.to_vec() }.to_text();
    for mailbox in sockets {
        mailbox.put(Item::Presence(text.clone()));
    }
}
