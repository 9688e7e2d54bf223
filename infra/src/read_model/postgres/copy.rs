//! COPY: the fast way in, for messages that are new.
//!
//! COPY asks nothing about rows that are there already: at the first one it fails, and with it the transaction. So it is for
//! rows that nobody has seen before, which is nearly all of a log that is read for the first time, and its caller has another
//! way for when that turns out to be wrong.

use sqlx::postgres::PgConnection;

use super::fault;
use super::write::Message;
use crate::read_model::Fault;
use crate::read_model::columns::{mentions_column, signed};

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

/// Writes messages that are believed to be new.
pub(super) async fn messages(connection: &mut PgConnection, messages: &[Message<'_>]) -> Result<Copied, Fault> {
    const MESSAGES: &str = "COPY messages \
        (room_id, number, author, sent_at, reply_to, text, mentions, edited_at, deleted_at, version) FROM STDIN (FORMAT binary)";
    const COLUMNS: i16 = 10;
    let mut rows = Rows::of(messages.len());
    for ((room, number), row) in messages {
        rows.begin(COLUMNS);
        rows.value(room.as_uuid().as_bytes())?;
        rows.number(Some(signed(*number)?))?;
        rows.value(row.author.as_str().as_bytes())?;
        rows.number(Some(row.sent_at.as_millis()))?;
        rows.number(row.reply_to.map(signed).transpose()?)?;
        rows.text(row.text.as_deref())?;
        rows.text(mentions_column(&row.mentions)?.as_deref())?;
        rows.number(row.edited_at.map(domain::Timestamp::as_millis))?;
        rows.number(row.deleted_at.map(domain::Timestamp::as_millis))?;
        rows.number(Some(signed(row.version)?))?;
    }
    let mut copy = connection.copy_in_raw(MESSAGES).await.map_err(fault)?;
    copy.send(rows.end()).await.map_err(fault)?;
    match copy.finish().await {
        Ok(_) => Ok(Copied::All),
        Err(error) if error.as_database_error().and_then(|error| error.code()).as_deref() == Some(UNIQUE_VIOLATION) => {
            Ok(Copied::Refused)
        }
        Err(error) => Err(fault(error)),
    }
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
