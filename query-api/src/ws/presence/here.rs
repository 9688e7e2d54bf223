//! The people with sockets on this node: what the node must say of them, whom they may see, and what must be read for that. Pure.
//!
//! Invariants:
//! * nothing is said of anybody before it was read whether they hide;
//! * who sees whom is read from the read model, and narrowed at once when an event says so: never widened by anything else;
//! * it is read no earlier than the read model has every event about it that was seen when they came, or while they are here;
//! * whoever is here has at least one socket, so that memory is bounded by sockets, and `FRIENDS_MAX` for each person.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use domain::{RoomId, Sequence, Timestamp, UserId};

use super::record::{Said, Word, is_older};
use crate::dto::PresenceState;
use crate::ws::limits::{BEAT, CIRCLE_READS_MAX, TYPING_HELD_MAX};
use crate::ws::mailbox::{Mailbox, SocketId};

/// Everybody who is here.
#[derive(Debug, Default)]
pub struct Here {
    people: HashMap<UserId, Local>,
    /// Who here may see whom: the friends of those who are here.
    watched: HashMap<UserId, HashSet<UserId>>,
    /// Those who were said to be here, and are no longer.
    parted: Vec<UserId>,
    /// The last events that changed somebody's circle.
    seen: Needed,
}

/// Whom a person may see, and whether they may be seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Circle {
    /// Whether the person has switched presence off.
    pub hidden: bool,
    /// Friends who are not blocked, on either side.
    pub friends: BTreeSet<UserId>,
}

/// What must be in the read model before a circle is read: the last sequence by partition of users.
pub type Needed = BTreeMap<u32, Sequence>;

#[derive(Debug, Default)]
struct Local {
    /// Their sockets; what they show, for those that take part in presence.
    sockets: BTreeMap<SocketId, (Option<PresenceState>, Arc<Mailbox>)>,
    circle: Option<Circle>,
    reading: bool,
    stale: Option<Needed>,
    said: Option<(Word, Timestamp)>,
    /// Typing that waits until it is known whether the person hides.
    typing: Vec<(RoomId, Timestamp)>,
}

/// What may be done now that a circle was read.
#[derive(Debug, Default)]
pub struct Met {
    /// Those who are seen from now on.
    pub friends: BTreeSet<UserId>,
    /// Those who are not seen any more.
    pub strangers: BTreeSet<UserId>,
    /// Typing that waited.
    pub typing: Vec<(RoomId, Timestamp)>,
}

impl Here {
    /// `mailbox` is a socket of `user`, and shows `state`; nothing where it only types. Answers whether it takes part for the first time.
    pub fn enter(&mut self, user: &UserId, mailbox: &Arc<Mailbox>, state: Option<PresenceState>) -> bool {
        let seen = &self.seen;
        let local = self.people.entry(user.clone()).or_insert_with(|| Local { stale: Some(seen.clone()), ..Local::default() });
        let (shown, _) = local.sockets.entry(mailbox.socket).or_insert_with(|| (None, mailbox.clone()));
        let is_new = shown.is_none() && state.is_some();
        *shown = state.or(*shown);
        is_new
    }

    /// That socket is closed.
    pub fn leave(&mut self, user: &UserId, socket: SocketId) {
        let Some(local) = self.people.get_mut(user) else { return };
        local.sockets.remove(&socket);
        if !local.sockets.is_empty() {
            return;
        }
        let Some(local) = self.people.remove(user) else { return };
        if local.is_said_to_be_here() {
            self.parted.push(user.clone());
        }
        for friend in local.circle.unwrap_or_default().friends {
            self.unwatch(user, &friend);
        }
    }

    /// `user` types in `room`. Answers whether that may be told now; where it is not known yet, it waits for [`Self::read`].
    pub fn typing(&mut self, user: &UserId, room: RoomId, at: Timestamp) -> bool {
        let Some(local) = self.people.get_mut(user) else { return false };
        if local.circle.is_none() && local.typing.len() < TYPING_HELD_MAX {
            local.typing.push((room, at));
        }
        local.circle.as_ref().is_some_and(|circle| !circle.hidden)
    }

    /// What must be said now: of those who changed, and again of those of whom nothing was said for a beat.
    pub fn due(&mut self, now: Timestamp) -> Vec<Said> {
        let parted = self.parted.drain(..).map(|user_id| Said { user_id, state: Word::Gone });
        let mut said: Vec<Said> = parted.collect();
        for (user, local) in &mut self.people {
            let Some(word) = local.word() else { continue };
            let fresh = local.said.is_some_and(|(before, at)| before == word && !is_older(at, BEAT, now));
            if fresh || (word == Word::Gone && !local.is_said_to_be_here()) {
                continue;
            }
            local.said = Some((word, now));
            said.push(Said { user_id: user.clone(), state: word });
        }
        said
    }

    /// Whose circles are to be read now; at most so many at once.
    pub fn reads_due(&mut self) -> Vec<(UserId, Needed)> {
        let under_way = self.people.values().filter(|local| local.reading).count();
        let mut due = Vec::new();
        for (user, local) in &mut self.people {
            if under_way + due.len() >= CIRCLE_READS_MAX {
                break;
            }
            if let (false, Some(needed)) = (local.reading, &mut local.stale) {
                due.push((user.clone(), std::mem::take(needed)));
                local.stale = None;
                local.reading = true;
            }
        }
        due
    }

    /// The circle of `user` was read. It does not count if an event has come meanwhile: it will be read again.
    pub fn read(&mut self, user: &UserId, circle: Circle) -> Met {
        let Some(local) = self.people.get_mut(user) else { return Met::default() };
        local.reading = false;
        if local.stale.is_some() {
            return Met::default();
        }
        let mut typing = std::mem::take(&mut local.typing);
        if circle.hidden {
            typing.clear();
        }
        let before = local.circle.take().unwrap_or_default().friends;
        let friends: BTreeSet<_> = circle.friends.difference(&before).cloned().collect();
        let strangers: BTreeSet<_> = before.difference(&circle.friends).cloned().collect();
        local.circle = Some(circle);
        for friend in &friends {
            self.watched.entry(friend.clone()).or_default().insert(user.clone());
        }
        for stranger in &strangers {
            self.unwatch(user, stranger);
        }
        Met { friends, strangers, typing }
    }

    /// It could not be read, with `needed`: it will be tried again.
    pub fn unread(&mut self, user: &UserId, needed: Needed) {
        if let Some(local) = self.people.get_mut(user) {
            local.reading = false;
            local.need(needed);
        }
    }

    /// An event at this place changes somebody's circle, whether they are here or come a moment later.
    pub fn saw(&mut self, partition: u32, sequence: Sequence) {
        let known = self.seen.entry(partition).or_default();
        *known = sequence.max(*known);
    }

    /// An event at this place changes the circle of `user`.
    pub fn stale(&mut self, user: &UserId, partition: u32, sequence: Sequence) {
        if let Some(local) = self.people.get_mut(user) {
            local.need(Needed::from([(partition, sequence)]));
        }
    }

    /// `user` hides from now on, whatever the read model still says.
    pub fn hide(&mut self, user: &UserId) {
        if let Some(circle) = self.people.get_mut(user).and_then(|local| local.circle.as_mut()) {
            circle.hidden = true;
        }
    }

    /// `user` may not see `other` any more, whatever the read model still says. Answers whether they could.
    pub fn part(&mut self, user: &UserId, other: &UserId) -> bool {
        let circle = self.people.get_mut(user).and_then(|local| local.circle.as_mut());
        let seen = circle.is_some_and(|circle| circle.friends.remove(other));
        if seen {
            self.unwatch(user, other);
        }
        seen
    }

    /// Whom `user` may see, as far as that is known.
    pub fn friends_of(&self, user: &UserId) -> BTreeSet<UserId> {
        let circle = self.people.get(user).and_then(|local| local.circle.as_ref());
        circle.map(|circle| circle.friends.clone()).unwrap_or_default()
    }

    /// The sockets here that may see `user`.
    pub fn watchers_of<'a>(&'a self, user: &UserId) -> impl Iterator<Item = &'a Arc<Mailbox>> {
        self.watched.get(user).into_iter().flatten().flat_map(|watcher| self.sockets_of(watcher))
    }

    /// The sockets of `user` that take part in presence.
    pub fn sockets_of<'a>(&'a self, user: &UserId) -> impl Iterator<Item = &'a Arc<Mailbox>> {
        let sockets = self.people.get(user).into_iter().flat_map(|local| local.sockets.values());
        sockets.filter(|(shown, _)| shown.is_some()).map(|(_, mailbox)| mailbox)
    }

    fn unwatch(&mut self, watcher: &UserId, friend: &UserId) {
        if let Some(watchers) = self.watched.get_mut(friend) {
            watchers.remove(watcher);
            if watchers.is_empty() {
                self.watched.remove(friend);
            }
        }
    }
}

impl Local {
    fn need(&mut self, needed: Needed) {
        let all = self.stale.get_or_insert_default();
        for (partition, sequence) in needed {
            let known = all.entry(partition).or_default();
            *known = sequence.max(*known);
        }
    }

    /// What is to be said of the person; nothing before it is known whether they hide.
    fn word(&self) -> Option<Word> {
        let circle = self.circle.as_ref()?;
        if circle.hidden {
            return Some(Word::Hidden);
        }
        let shown = || self.sockets.values().filter_map(|(shown, _)| *shown);
        Some(if shown().any(|state| state == PresenceState::Online) {
            Word::Online
        } else if shown().next().is_some() {
            Word::Away
        } else {
            Word::Gone
        })
    }

    fn is_said_to_be_here(&self) -> bool {
        matches!(self.said, Some((Word::Online | Word::Away, _)))
    }
}

#[cfg(test)]
mod tests;
