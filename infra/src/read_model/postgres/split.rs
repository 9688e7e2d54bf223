//! Which rows of a batch go in by COPY, and which are written with guards.

use std::collections::BTreeMap;

use domain::{RoomId, UserId};

use crate::read_model::{Changes, MemberRow, MessageRow, RoomHeadRow, RoomRow};

/// With fewer new rows than this, a table's are all guarded: COPY takes a round trip more, and is faster by the row.
const COPY_ROWS_MIN: usize = 100;

/// Whether new rows may go in by COPY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum New {
    /// Yes; if one turns out to be there already, nothing is written.
    Copied,
    /// No: each row may be there already.
    Guarded,
}

/// Rows of one table with their keys, in the order of the keys.
pub(super) type Keyed<'a, K, R> = Vec<(&'a K, &'a R)>;

/// Rows of the tables that can have new ones.
///
/// Not of `reads`: what people say they have read comes from another topic, and may well have been there first.
pub(super) struct Part<'a> {
    pub(super) rooms: Keyed<'a, RoomId, RoomRow>,
    pub(super) heads: Keyed<'a, RoomId, RoomHeadRow>,
    pub(super) members: Keyed<'a, (RoomId, UserId), MemberRow>,
    pub(super) messages: Keyed<'a, (RoomId, u64), MessageRow>,
}

/// The rows to be copied, and those to be guarded.
pub(super) fn split(changes: &Changes, new: New) -> (Part<'_>, Part<'_>) {
    let may = new == New::Copied;
    let made = |room: &RoomId| may && changes.rooms.get(room).is_some_and(|row| row.is_new);
    let rooms = table(&changes.rooms, |_, row| may && row.is_new);
    let heads = table(&changes.room_heads, |room, _| made(room));
    let members = table(&changes.members, |(room, _), _| made(room));
    let messages = table(&changes.messages, |_, row| may && row.is_new);
    (
        Part { rooms: rooms.0, heads: heads.0, members: members.0, messages: messages.0 },
        Part { rooms: rooms.1, heads: heads.1, members: members.1, messages: messages.1 },
    )
}

fn table<'a, K, R>(rows: &'a BTreeMap<K, R>, is_new: impl Fn(&K, &R) -> bool) -> (Keyed<'a, K, R>, Keyed<'a, K, R>) {
    let (fresh, guarded): (Vec<_>, Vec<_>) = rows.iter().partition(|(key, row)| is_new(key, row));
    if fresh.len() < COPY_ROWS_MIN { (Vec::new(), rows.iter().collect()) } else { (fresh, guarded) }
}
