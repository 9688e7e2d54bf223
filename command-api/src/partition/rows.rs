//! The keys and values of a partition's folded state in the local store.
//!
//! | key | value |
//! |---|---|
//! | `u` user id | the user, JSON |
//! | `p` pair | the two people's relation, JSON |
//! | `r` room id `h` | the room's version and last number |
//! | `r` room id `d` | the room's details, JSON |
//! | `r` room id `m` user id | one membership, JSON |
//! | `r` room id `n` number | one message: `s` and the body of its `MessageSent` while nothing has changed it, else JSON |
//! | `c` command id, actor | the command's outcome ([`super::dedupe`]) |
//! | `e` time, sequence | the keys of the outcomes of one commit, which may be forgotten after that time |
//! | `x` stream | why the stream cannot be read |
//!
//! Each event changes a few small rows, whatever the size of its room.

use std::collections::HashSet;

use domain::ids::Pair;
use domain::relation::Relation;
use domain::room::{Message, Number, Room};
use domain::user::User;
use domain::{RoomId, UserId, room};
use infra::state_store::{Fault, PartitionStore, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What the row of a message begins with that is as it was sent. JSON never does.
const SENT: u8 = b's';
/// How many streams that cannot be read are known at most; of more, the first.
const UNREADABLE_MAX: usize = 100_000;

/// The key of a user's row.
pub fn user_key(id: &UserId) -> Vec<u8> {
    [b"u", id.as_str().as_bytes()].concat()
}

/// The key of a relation's row.
fn relation_key(pair: &Pair) -> Vec<u8> {
    [b"p", pair.to_string().as_bytes()].concat()
}

fn room_key(id: RoomId, part: u8, rest: &[u8]) -> Vec<u8> {
    [b"r".as_slice(), id.as_uuid().as_bytes(), &[part], rest].concat()
}

/// The key of a message's row.
pub fn message_key(id: RoomId, number: Number) -> Vec<u8> {
    room_key(id, b'n', &number.to_be_bytes())
}

/// The key under which a stream is marked as unreadable.
pub fn unreadable_key(stream: &str) -> Vec<u8> {
    [b"x", stream.as_bytes()].concat()
}

/// Our own types always serialise.
pub fn encode(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads a value that [`encode`] wrote.
pub fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(value).map_err(|_| Fault::Damaged { key: key.to_vec() })
}

/// Reads a JSON row.
pub fn load<T: DeserializeOwned>(store: &PartitionStore, key: &[u8]) -> Result<Option<T>, Fault> {
    store.get(key)?.map(|value| decode(key, &value)).transpose()
}

/// Reads a user; the initial state if there is none.
pub fn load_user(store: &PartitionStore, id: &UserId) -> Result<User, Fault> {
    Ok(load(store, &user_key(id))?.unwrap_or_default())
}

/// Reads a relation; the initial state if there is none.
pub fn load_relation(store: &PartitionStore, pair: &Pair) -> Result<Relation, Fault> {
    Ok(load(store, &relation_key(pair))?.unwrap_or_default())
}

/// Reads a room without its messages; the initial state if there is none.
pub fn load_room(store: &PartitionStore, id: RoomId) -> Result<Room, Fault> {
    let head_key = room_key(id, b'h', &[]);
    let Some(head) = store.get(&head_key)? else { return Ok(Room::default()) };
    let ([version, last_number], []) = head.as_chunks::<8>() else { return Err(Fault::Damaged { key: head_key }) };
    let mut room = Room {
        version: u64::from_be_bytes(*version),
        last_number: u64::from_be_bytes(*last_number),
        details: load(store, &room_key(id, b'd', &[]))?,
        ..Room::default()
    };
    for (key, value) in store.scan(&room_key(id, b'm', &[]), room::MEMBERS_MAX)? {
        let member: room::Member = decode(&key, &value)?;
        room.members.insert(member.user_id.clone(), member);
    }
    Ok(room)
}

/// The row of a user after an event.
pub fn of_user(id: &UserId, user: &User) -> Row {
    (user_key(id), Some(encode(user)))
}

/// The row of a relation after an event.
pub fn of_relation(pair: &Pair, relation: &Relation) -> Row {
    (relation_key(pair), Some(encode(relation)))
}

/// The rows of a room that `event` changed, given the room after it.
pub fn of_room(id: RoomId, room: &Room, event: &room::Event) -> Vec<Row> {
    let head = [room.version.to_be_bytes(), room.last_number.to_be_bytes()].concat();
    let mut rows = vec![(room_key(id, b'h', &[]), Some(head))];
    if event.changes_details()
        && let Some(details) = &room.details
    {
        rows.push((room_key(id, b'd', &[]), Some(encode(details))));
    }
    for user in event.members_touched() {
        rows.push((room_key(id, b'm', user.as_str().as_bytes()), room.members.get(user).map(encode)));
    }
    rows
}

/// The row of a message that was just sent: the body of the event as it stands in the log, which is not written a second time.
pub fn of_sent(id: RoomId, number: Number, body: &[u8]) -> Row {
    (message_key(id, number), Some([[SENT].as_slice(), body].concat()))
}

/// Reads a message.
pub fn load_message(store: &PartitionStore, id: RoomId, number: Number) -> Result<Option<Message>, Fault> {
    let key = message_key(id, number);
    let Some(value) = store.get(&key)? else { return Ok(None) };
    match value.strip_prefix(&[SENT]) {
        Some(body) => Ok(Message::evolve(None, &room::Event::MessageSent(decode(&key, body)?))),
        None => decode(&key, &value).map(Some),
    }
}

/// The row of a message after an event that changed it.
pub fn of_message(id: RoomId, number: Number, message: Option<&Message>) -> Row {
    (message_key(id, number), message.map(encode))
}

/// The row that marks a stream as unreadable.
pub fn of_unreadable(stream: &str, why: &str) -> Row {
    (unreadable_key(stream), Some(why.as_bytes().to_vec()))
}

/// The streams that are marked as unreadable.
pub fn unreadable(store: &PartitionStore) -> Result<HashSet<String>, Fault> {
    let rows = store.scan(&unreadable_key(""), UNREADABLE_MAX)?;
    Ok(rows.into_iter().filter_map(|(key, _)| String::from_utf8(key.get(1..)?.to_vec()).ok()).collect())
}
