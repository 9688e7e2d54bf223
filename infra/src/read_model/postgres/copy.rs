//! COPY: the fast way in, for rows that are new.
//!
//! COPY asks nothing about rows that are there already: at the first one it fails, and with it the transaction. So it is for
//! rows that nobody has seen before, which is nearly all of a log that is read for the first time, and its caller has another
//! way for when that turns out to be wrong.

use domain::{RoomId, Timestamp, UserId};
use sqlx::postgres::PgConnection;

use super::fault;
use super::split::{Keyed, Part};
use crate::read_model::columns::{folded, kind_name, mentions_column, role_name, signed, status_name};
use crate::read_model::{Fault, MemberRow, MessageRow, RoomHeadRow, RoomRow};

/// How the binary form begins: a signature, no flags, no extension.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// How it ends, in place of a row's number of columns.
const TRAILER: i16 = -1;
/// In place of a value's length: there is none.
const NULL: i32 = -1;
/// The code of a row whose key is there already.
const UNIQUE_VIOLATION: &str = "23505";
/// Room for a row that is not long; the buffer grows for those that are.
const ROW_BYTES: usize = 192;

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Copied {
    /// They are in.
    All,
    /// One was there already: none is in, and the transaction is over.
    Refused,
}

/// Writes rows that are believed to be new: those of the least tables first, so that what is done in vain is little.
pub(super) async fn all(connection: &mut PgConnection, part: &Part<'_>) -> Result<Copied, Fault> {
    if table(connection, ROOMS, &part.rooms, room).await? == Copied::Refused
        || table(connection, HEADS, &part.heads, head).await? == Copied::Refused
        || table(connection, MEMBERS, &part.members, member).await? == Copied::Refused
        || table(connection, MEMBERSHIPS, &part.members, membership).await? == Copied::Refused
        || table(connection, MESSAGES, &part.messages, message).await? == Copied::Refused
    {
        return Ok(Copied::Refused);
    }
    Ok(Copied::All)
}

/// Writes the rows of one table, each as `encode` says.
async fn table<K, R>(
    connection: &mut PgConnection,
    (statement, columns): Target,
    keyed: &Keyed<'_, K, R>,
    encode: impl Fn(&mut Rows, &K, &R) -> Result<(), Fault>,
) -> Result<Copied, Fault> {
    if keyed.is_empty() {
        return Ok(Copied::All);
    }
    let mut rows = Rows::of(keyed.len());
    for (key, row) in keyed {
        rows.begin(columns);
        encode(&mut rows, key, row)?;
    }
    let mut copy = connection.copy_in_raw(statement).await.map_err(fault)?;
    copy.send(rows.end()).await.map_err(fault)?;
    match copy.finish().await {
        Ok(_) => Ok(Copied::All),
        Err(error) if error.as_database_error().and_then(|error| error.code()).as_deref() == Some(UNIQUE_VIOLATION) => {
            Ok(Copied::Refused)
        }
        Err(error) => Err(fault(error)),
    }
}

/// A statement with the number of its columns.
type Target = (&'static str, i16);

const ROOMS: Target = (
    "COPY rooms (room_id, kind, status, name, name_folded, topic, created_by, created_at, version) FROM STDIN (FORMAT binary)",
    9,
);
fn room(rows: &mut Rows, room: &RoomId, row: &RoomRow) -> Result<(), Fault> {
    rows.value(room.as_uuid().as_bytes())?;
    rows.text(Some(kind_name(row.kind)))?;
    rows.text(Some(status_name(row.status)))?;
    rows.text(row.name.as_deref())?;
    rows.text(row.name.as_deref().map(folded).as_deref())?;
    rows.text(Some(&row.topic))?;
    rows.text(Some(row.created_by.as_str()))?;
    rows.number(Some(row.created_at.as_millis()))?;
    rows.number(Some(signed(row.version)?))
}

const HEADS: Target = ("COPY room_heads (room_id, version, last_number, last_activity_at) FROM STDIN (FORMAT binary)", 4);
fn head(rows: &mut Rows, room: &RoomId, row: &RoomHeadRow) -> Result<(), Fault> {
    rows.value(room.as_uuid().as_bytes())?;
    rows.number(Some(signed(row.version)?))?;
    rows.number(Some(signed(row.last_number)?))?;
    rows.number(Some(row.last_activity_at.as_millis()))
}

const MEMBERS: Target = ("COPY members (room_id, user_id, role, joined_at, version) FROM STDIN (FORMAT binary)", 5);
fn member(rows: &mut Rows, (room, user): &(RoomId, UserId), row: &MemberRow) -> Result<(), Fault> {
    rows.value(room.as_uuid().as_bytes())?;
    rows.text(Some(user.as_str()))?;
    rows.text(row.role.map(role_name))?;
    rows.number(row.joined_at.map(Timestamp::as_millis))?;
    rows.number(Some(signed(row.version)?))
}

const MEMBERSHIPS: Target = ("COPY memberships (room_id, user_id, role, version) FROM STDIN (FORMAT binary)", 4);
fn membership(rows: &mut Rows, (room, user): &(RoomId, UserId), row: &MemberRow) -> Result<(), Fault> {
    rows.value(room.as_uuid().as_bytes())?;
    rows.text(Some(user.as_str()))?;
    rows.text(row.role.map(role_name))?;
    rows.number(Some(signed(row.version)?))
}

const MESSAGES: Target = (
    "COPY messages (room_id, number, author, sent_at, reply_to, text, mentions, edited_at, deleted_at, version) \
    FROM STDIN (FORMAT binary)",
    10,
);
fn message(rows: &mut Rows, (room, number): &(RoomId, u64), row: &MessageRow) -> Result<(), Fault> {
    rows.value(room.as_uuid().as_bytes())?;
    rows.number(Some(signed(*number)?))?;
    rows.value(row.author.as_str().as_bytes())?;
    rows.number(Some(row.sent_at.as_millis()))?;
    rows.number(row.reply_to.map(signed).transpose()?)?;
    rows.text(row.text.as_deref())?;
    rows.text(mentions_column(&row.mentions)?.as_deref())?;
    rows.number(row.edited_at.map(Timestamp::as_millis))?;
    rows.number(row.deleted_at.map(Timestamp::as_millis))?;
    rows.number(Some(signed(row.version)?))
}

/// Rows in the binary form of COPY: a row is the number of its columns, and each value its length and its bytes.
struct Rows(Vec<u8>);

impl Rows {
    fn of(rows: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER.len() + rows * ROW_BYTES);
        bytes.extend_from_slice(HEADER);
        Self(bytes)
    }

    fn begin(&mut self, columns: i16) {
        self.0.extend_from_slice(&columns.to_be_bytes());
    }

    fn value(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let length = i32::try_from(bytes.len()).map_err(|_| Fault::Rejected("a value of more than 2 GiB".to_owned()))?;
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn none(&mut self) {
        self.0.extend_from_slice(&NULL.to_be_bytes());
    }

    fn number(&mut self, number: Option<i64>) -> Result<(), Fault> {
        match number {
            Some(number) => self.value(&number.to_be_bytes())?,
            None => self.none(),
        }
        Ok(())
    }

    fn text(&mut self, text: Option<&str>) -> Result<(), Fault> {
        match text {
            Some(text) => self.value(text.as_bytes())?,
            None => self.none(),
        }
        Ok(())
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&TRAILER.to_be_bytes());
        self.0
    }
}
