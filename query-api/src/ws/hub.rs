//! The hub: which sockets follow which room on this node, and the order of what they get.
//!
//! A shard for each partition of rooms. Its lock makes two things atomic: taking a change in (the tail), and beginning to follow
//! a room (a socket). So a socket that registers at sequence `n` gets every change after `n`, and the read model, once it is at
//! `n`, holds every change that the socket did not get.
//!
//! A change that must wait for the read model (a reaction) holds back those after it in its room, and no other room.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{RoomId, Sequence};

use super::change::Change;
use super::frame::ResyncReason;
use super::limits::HELD_MAX;
use super::mailbox::{Item, LiveChange, Mailbox, SocketId};

/// The rooms that are followed here.
#[derive(Debug)]
pub struct Hub {
    shards: Vec<Mutex<Shard>>,
    partitions: NonZeroU32,
}

#[derive(Debug, Default)]
struct Shard {
    /// The last effective sequence that the tail took in.
    sequence: Sequence,
    rooms: HashMap<RoomId, Followed>,
}

/// A room that somebody follows.
#[derive(Debug, Default)]
struct Followed {
    sockets: BTreeMap<SocketId, Arc<Mailbox>>,
    /// Changes that wait, the first one for the read model. While there are any, one task works on them ([`Hub::held`]).
    held: VecDeque<Arc<Change>>,
}

/// From where on a socket gets a room's changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registration {
    /// The room's partition.
    pub partition: u32,
    /// Every change after this one comes.
    pub sequence: Sequence,
}

impl Hub {
    /// A hub for rooms in so many partitions.
    #[must_use]
    pub fn new(partitions: NonZeroU32) -> Self {
        Self { shards: (0..partitions.get()).map(|_| Mutex::default()).collect(), partitions }
    }

    /// The partition of `room`.
    #[must_use]
    pub fn partition_of(&self, room: RoomId) -> u32 {
        domain::partitioning::partition_of(&room.to_string(), self.partitions)
    }

    /// Lets `mailbox` follow `room` from now on. Again for one that does already changes nothing but the answer.
    #[must_use]
    pub fn register(&self, room: RoomId, mailbox: &Arc<Mailbox>) -> Registration {
        let partition = self.partition_of(room);
        let Some(mut shard) = self.shard(partition) else { return Registration { partition, sequence: 0 } };
        shard.rooms.entry(room).or_default().sockets.insert(mailbox.socket, mailbox.clone());
        Registration { partition, sequence: shard.sequence }
    }

    /// Ends that.
    pub fn unregister(&self, room: RoomId, socket: SocketId) {
        let Some(mut shard) = self.shard(self.partition_of(room)) else { return };
        if let Entry::Occupied(mut followed) = shard.rooms.entry(room) {
            followed.get_mut().sockets.remove(&socket);
            if followed.get().sockets.is_empty() {
                // What is held is for nobody: its task finds nothing and ends.
                followed.remove();
            }
        }
    }

    /// Notes what is effective at `sequence` and concerns no room.
    pub fn pass(&self, partition: u32, sequence: Sequence) {
        if let Some(mut shard) = self.shard(partition) {
            shard.sequence = sequence;
        }
    }

    /// Takes in what is effective at `sequence` in `room`. Answers whether a task must be started that works on what is held.
    ///
    /// `change` is asked for only if the room is followed: most rooms are not, and decoding is most of the work.
    ///
    /// # Errors
    /// That of `change`.
    pub fn publish<E>(
        &self,
        partition: u32,
        sequence: Sequence,
        room: RoomId,
        change: impl FnOnce() -> Result<Option<Change>, E>,
    ) -> Result<bool, E> {
        let Some(mut shard) = self.shard(partition) else { return Ok(false) };
        shard.sequence = sequence;
        // Under the same lock as the line before: who begins to follow the room now is registered at this sequence.
        let Some(followed) = shard.rooms.get_mut(&room) else { return Ok(false) };
        let Some(change) = change()? else { return Ok(false) };
        if followed.held.is_empty() {
            if change.needs_reactions().is_some() {
                followed.held.push_back(Arc::new(change));
                return Ok(true);
            }
            followed.deliver(change.to_live(&crate::dto::Reactors::default()));
        } else if followed.held.len() < HELD_MAX {
            followed.held.push_back(Arc::new(change));
        } else {
            shard.interrupt(room, ResyncReason::ReadModelBehind);
        }
        Ok(false)
    }

    /// The first change that is held in `room`; nothing when the task that asks is done.
    #[must_use]
    pub fn held(&self, room: RoomId) -> Option<Arc<Change>> {
        self.shard(self.partition_of(room))?.rooms.get(&room)?.held.front().cloned()
    }

    /// Sends the first held change, unless it is no longer there, and those behind it that need not wait.
    pub fn release(&self, change: &Arc<Change>, live: LiveChange) {
        let Some(mut shard) = self.shard(self.partition_of(change.room)) else { return };
        let Some(followed) = shard.rooms.get_mut(&change.room) else { return };
        if !followed.held.front().is_some_and(|first| Arc::ptr_eq(first, change)) {
            return;
        }
        followed.held.pop_front();
        followed.deliver(live);
        while let Some(next) = followed.held.pop_front_if(|next| next.needs_reactions().is_none()) {
            followed.deliver(next.to_live(&crate::dto::Reactors::default()));
        }
    }

    /// Ends all subscriptions of a room: its chain cannot go on.
    pub fn interrupt(&self, room: RoomId, reason: ResyncReason) {
        if let Some(mut shard) = self.shard(self.partition_of(room)) {
            shard.interrupt(room, reason);
        }
    }

    /// [`Self::interrupt`], if `change` is still the one that the room waits for.
    pub fn give_up(&self, change: &Arc<Change>, reason: ResyncReason) {
        let Some(mut shard) = self.shard(self.partition_of(change.room)) else { return };
        let first = shard.rooms.get(&change.room).and_then(|followed| followed.held.front());
        if first.is_some_and(|first| Arc::ptr_eq(first, change)) {
            shard.interrupt(change.room, reason);
        }
    }

    /// Ends all subscriptions of a partition: its tail begins anew after `sequence`.
    pub fn restart(&self, partition: u32, sequence: Sequence) {
        let Some(mut shard) = self.shard(partition) else { return };
        let rooms: Vec<_> = shard.rooms.keys().copied().collect();
        for room in rooms {
            shard.interrupt(room, ResyncReason::FeedInterrupted);
        }
        shard.sequence = sequence;
    }

    /// Passes something on that has no order.
    pub fn notify(&self, room: RoomId, item: &Item) {
        let Some(shard) = self.shard(self.partition_of(room)) else { return };
        let Some(followed) = shard.rooms.get(&room) else { return };
        for mailbox in followed.sockets.values() {
            mailbox.put(item.clone());
        }
    }

    /// Whether anybody here follows `room`.
    #[must_use]
    pub fn is_followed(&self, room: RoomId) -> bool {
        self.shard(self.partition_of(room)).is_some_and(|shard| shard.rooms.contains_key(&room))
    }

    fn shard(&self, partition: u32) -> Option<MutexGuard<'_, Shard>> {
        let shard = self.shards.get(usize::try_from(partition).ok()?)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    fn interrupt(&mut self, room: RoomId, reason: ResyncReason) {
        let Some(followed) = self.rooms.remove(&room) else { return };
        for mailbox in followed.sockets.into_values() {
            mailbox.put(Item::Broken { room, reason });
        }
    }
}

impl Followed {
    fn deliver(&self, live: LiveChange) {
        let live = Arc::new(live);
        for mailbox in self.sockets.values() {
            mailbox.put(Item::Change(live.clone()));
        }
    }
}
