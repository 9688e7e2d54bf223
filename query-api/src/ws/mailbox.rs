//! A socket's mailbox: the bounded queue between the tails, which never wait, and one client, which may be slow.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use domain::envelope::Version;
use domain::room::Role;
use domain::{RoomId, Timestamp, UserId};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::frame::ResyncReason;

/// Names a socket on this node.
pub type SocketId = u64;

/// One change of a room, ready to be sent: serialised once for all sockets.
#[derive(Debug)]
pub struct LiveChange {
    /// Which room.
    pub room: RoomId,
    /// The version that it makes; the one before it is less by one.
    pub version: Version,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The frame for everybody who is not in `own`.
    pub text: Utf8Bytes,
    /// The frames of those who see something of their own in it.
    pub own: BTreeMap<UserId, Utf8Bytes>,
    /// The memberships that it changes: the role, or nothing for who is gone.
    pub members: BTreeMap<UserId, Option<Role>>,
}

/// Something of the moment, without version or order.
#[derive(Debug)]
pub struct Notice {
    /// Which room.
    pub room: RoomId,
    /// Whom it is about.
    pub user: UserId,
    /// Whether that person's own sockets need it as well.
    pub to_self: bool,
    /// The frame.
    pub text: Utf8Bytes,
}

/// What lies in a mailbox.
#[derive(Debug, Clone)]
pub enum Item {
    /// A link of the room's chain.
    Change(Arc<LiveChange>),
    /// Something that may be lost.
    Notice(Arc<Notice>),
    /// Presence of friends; may be lost.
    Presence(Utf8Bytes),
    /// The room's chain breaks here.
    Broken {
        /// Which room.
        room: RoomId,
        /// Why.
        reason: ResyncReason,
    },
}

impl Item {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Change(change) => change.text.len(),
            Self::Notice(notice) => notice.text.len(),
            Self::Presence(text) => text.len(),
            Self::Broken { .. } => 0,
        }
    }
}

/// The side of a mailbox that is written to.
#[derive(Debug)]
pub struct Mailbox {
    /// Whose it is.
    pub socket: SocketId,
    /// Cancelled when the client was too slow: the socket must close.
    pub too_slow: CancellationToken,
    sender: mpsc::Sender<Item>,
    frames_max: usize,
    bytes_max: usize,
    bytes: AtomicUsize,
}

impl Mailbox {
    /// A mailbox, and the end that its socket reads.
    #[must_use]
    pub fn new(socket: SocketId, frames_max: usize, bytes_max: usize) -> (Arc<Self>, mpsc::Receiver<Item>) {
        let (sender, receiver) = mpsc::channel(frames_max);
        let too_slow = CancellationToken::new();
        (Arc::new(Self { socket, too_slow, sender, frames_max, bytes_max, bytes: AtomicUsize::new(0) }), receiver)
    }

    /// Puts `item` in without waiting. One that does not fit is lost, and with it the chain: the socket is told to close. Notices
    /// may be lost, and are, once the mailbox is half full.
    pub fn put(&self, item: Item) {
        let size = item.size_bytes();
        let queued = self.bytes.load(Ordering::Relaxed);
        let may_be_lost = matches!(item, Item::Notice(_) | Item::Presence(_));
        if may_be_lost && (self.sender.capacity() < self.frames_max / 2 || queued > self.bytes_max / 2) {
            return;
        }
        if queued + size > self.bytes_max {
            self.too_slow.cancel();
            return;
        }
        // Counted first: the socket may take the item before the next line.
        self.bytes.fetch_add(size, Ordering::Relaxed);
        if let Err(mpsc::error::TrySendError::Full(_)) = self.sender.try_send(item) {
            self.too_slow.cancel();
        }
    }

    /// Notes that `item` was taken out.
    pub fn taken(&self, item: &Item) {
        self.bytes.fetch_sub(item.size_bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(version: Version, bytes: usize) -> Item {
        Item::Change(Arc::new(LiveChange {
            room: RoomId::of_import("test", "room"),
            version,
            decided_at: Timestamp::default(),
            text: "x".repeat(bytes).into(),
            own: BTreeMap::new(),
            members: BTreeMap::new(),
        }))
    }
    fn notices() -> [Item; 2] {
        let user = UserId::parse("ann").unwrap();
        let typing = Notice { room: RoomId::of_import("test", "room"), user, to_self: true, text: "n".into() };
        [Item::Notice(Arc::new(typing)), Item::Presence("p".into())]
    }

    #[test]
    fn one_frame_too_many_cuts_the_socket_off() {
        let (mailbox, mut queue) = Mailbox::new(1, 4, 1_000);
        for version in 1..=4 {
            mailbox.put(change(version, 1));
            assert!(!mailbox.too_slow.is_cancelled());
        }
        mailbox.put(change(5, 1));
        assert!(mailbox.too_slow.is_cancelled());
        assert!(queue.try_recv().is_ok());
    }

    #[test]
    fn so_do_too_many_bytes_but_not_those_that_were_taken() {
        let (mailbox, mut queue) = Mailbox::new(1, 100, 1_000);
        for version in 1..=10 {
            mailbox.put(change(version, 900));
            mailbox.taken(&queue.try_recv().unwrap());
        }
        mailbox.put(change(11, 900));
        assert!(!mailbox.too_slow.is_cancelled());
        mailbox.put(change(12, 101));
        assert!(mailbox.too_slow.is_cancelled());
    }

    #[test]
    fn notices_give_way_before_anything_is_cut_off() {
        let (mailbox, mut queue) = Mailbox::new(1, 4, 1_000);
        for _ in 0..100 {
            notices().into_iter().for_each(|notice| mailbox.put(notice));
        }
        assert!(!mailbox.too_slow.is_cancelled());
        let kept = std::iter::from_fn(|| queue.try_recv().ok()).count();
        assert!((1..4).contains(&kept), "{kept}");
    }
}
