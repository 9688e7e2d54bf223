//! One moment of a timeline, held still for comparing: its checkpoints, and a count and a checksum of each table.
//!
//! The snapshot is the database's own, so that writers go on meanwhile.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::{RoomId, UserId};
use uuid::Uuid;

use super::reads::{Argument, Query};
use super::statements::Statements;
use super::{Changes, Checkpoint, Fault, ReadRow, columns};
use crate::log::TopicPartition;

/// A table, as far as comparing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    pub(super) columns: &'static [&'static str],
    pub(super) key: &'static str,
}

/// The table of read positions.
pub const READS: Table = Table { name: "reads", columns: &["room_id", "user_id", "number"], key: "room_id, user_id" };

/// All tables but the checkpoints, with all their columns.
pub const TABLES: [Table; 13] = [
    Table { name: "users", columns: &["user_id", "user_name", "status_text", "registered_at", "version"], key: "user_id" },
    Table { name: "deactivations", columns: &["user_id", "deactivated_at", "version"], key: "user_id" },
    Table {
        name: "rooms",
        columns: &["room_id", "kind", "status", "name", "name_folded", "topic", "created_by", "created_at", "version"],
        key: "room_id",
    },
    Table { name: "room_heads", columns: &["room_id", "version", "last_number", "last_activity_at"], key: "room_id" },
    Table { name: "members", columns: &["room_id", "user_id", "role", "joined_at", "version"], key: "room_id, user_id" },
    Table { name: "memberships", columns: &["user_id", "room_id", "role", "version"], key: "user_id, room_id" },
    Table {
        name: "messages",
        columns: &[
            "room_id",
            "number",
            "author",
            "sent_at",
            "reply_to",
            "text",
            "mentions",
            "edited_at",
            "deleted_at",
            "version",
        ],
        key: "room_id, number",
    },
    Table {
        name: "mentions",
        columns: &["user_id", "room_id", "number", "sent_at", "present", "version"],
        key: "user_id, room_id, number",
    },
    Table {
        name: "reactions",
        columns: &["room_id", "number", "emoji", "user_id", "present", "version"],
        key: "room_id, number, emoji, user_id",
    },
    Table { name: "mutes", columns: &["user_id", "room_id", "muted", "version"], key: "user_id, room_id" },
    Table {
        name: "relations",
        columns: &["user_id", "other_id", "friendship", "blocks", "blocked", "changed_at", "version"],
        key: "user_id, other_id",
    },
    Table { name: "visibilities", columns: &["user_id", "presence_hidden", "version"], key: "user_id" },
    READS,
];

/// What a table holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How many rows.
    pub rows: u64,
    /// A checksum over all columns of all rows; comparable between generations in the same kind of database only.
    pub checksum: String,
}

/// Where a page of read positions begins: behind this room and person.
pub type ReadKey = (RoomId, UserId);

/// One moment of a timeline. Dropping it lets go.
#[async_trait]
pub trait Snapshot: Send {
    /// The checkpoints of that moment.
    fn checkpoints(&self) -> &BTreeMap<TopicPartition, Checkpoint>;

    /// What a table held. Reads all of it.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn digest(&mut self, table: Table) -> Result<Digest, Fault>;

    /// The next read positions after `after`, at most `limit`, as rows to be written, with the key to go on from; nothing at the
    /// end.
    ///
    /// # Errors
    /// [`Fault::Unavailable`].
    async fn reads(&mut self, after: Option<&ReadKey>, limit: u32) -> Result<Option<(Changes, ReadKey)>, Fault>;
}

/// A database's transaction that sees one moment.
#[async_trait]
pub(super) trait Moment: Send {
    type Row: columns::Columns;

    fn statements(&self) -> &'static Statements;
    async fn rows(&mut self, query: Query<'_>) -> Result<Vec<Self::Row>, Fault>;
    async fn digest(&mut self, table: Table) -> Result<Digest, Fault>;
}

/// Makes the port out of a transaction. Its first question fixes the moment.
pub(super) async fn snapshot(mut moment: impl Moment + 'static) -> Result<Box<dyn Snapshot>, Fault> {
    let rows = moment.rows((moment.statements().checkpoints, &[])).await?;
    let checkpoints = super::reads::known_checkpoints(&rows)?.into_iter().collect();
    Ok(Box::new(Held { checkpoints, moment }))
}

struct Held<M> {
    checkpoints: BTreeMap<TopicPartition, Checkpoint>,
    moment: M,
}

#[async_trait]
impl<M: Moment> Snapshot for Held<M> {
    fn checkpoints(&self) -> &BTreeMap<TopicPartition, Checkpoint> {
        &self.checkpoints
    }

    async fn digest(&mut self, table: Table) -> Result<Digest, Fault> {
        self.moment.digest(table).await
    }

    async fn reads(&mut self, after: Option<&ReadKey>, limit: u32) -> Result<Option<(Changes, ReadKey)>, Fault> {
        let (room, user) = after.map_or((Uuid::nil(), ""), |(room, user)| (room.as_uuid(), user.as_str()));
        let arguments = [Argument::Uuid(room), Argument::Text(user), Argument::Integer(i64::from(limit))];
        let rows = self.moment.rows((self.moment.statements().reads_page, &arguments)).await?;
        let mut changes = Changes::default();
        let mut last = None;
        for row in &rows {
            let (key, number) = columns::read_row(row)?;
            changes.reads.insert(key.clone(), ReadRow { number });
            last = Some(key);
        }
        Ok(last.map(|last| (changes, last)))
    }
}
