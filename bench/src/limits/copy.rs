//! Bare COPY: the rows that a projector would write, encoded beforehand, into the same tables.

use std::collections::HashSet;

use anyhow::Result;
use domain::room::{Kind, Role, Status};
use domain::{RoomId, UserId};
use infra::read_model::Changes;
use sqlx::PgPool;
use uuid::Uuid;

/// One batch: for each table its COPY statement and its rows.
pub struct Batch {
    tables: Vec<(String, Vec<u8>)>,
    /// How many rows it has in all.
    pub rows: usize,
}

/// Makes batches, and remembers which keys were there: COPY takes each once.
#[derive(Default)]
pub struct Encoder {
    heads: HashSet<RoomId>,
    reads: HashSet<(RoomId, UserId)>,
    renamed: u128,
}

impl Encoder {
    /// The rows of `changes`. Where a projector would replace a row of an earlier batch, this has a new row of the same size.
    ///
    /// # Errors
    /// When a number does not fit a column.
    pub fn batch(&mut self, changes: &Changes) -> Result<Batch> {
        let tables = [
            ("rooms", rooms(changes)?),
            ("room_heads", self.heads(changes)?),
            ("members", members(changes)?),
            ("memberships", memberships(changes)?),
            ("messages", messages(changes)?),
            ("reads", self.reads(changes)?),
        ];
        let rows = tables.iter().map(|(_, table)| table.rows).sum();
        let filled = tables.into_iter().filter(|(_, table)| table.rows > 0);
        let tables = filled.map(|(name, table)| (format!("COPY {name} FROM STDIN (FORMAT binary)"), table.end())).collect();
        Ok(Batch { tables, rows })
    }

    fn fresh(&mut self) -> Uuid {
        self.renamed += 1;
        Uuid::from_u128(self.renamed)
    }

    fn heads(&mut self, changes: &Changes) -> Result<Rows> {
        let mut rows = Rows::new();
        for (room, row) in &changes.room_heads {
            let id = if self.heads.insert(*room) { room.as_uuid() } else { self.fresh() };
            rows.begin(4).uuid(id).number(row.version)?.number(row.last_number)?.integer(Some(row.last_activity_at.as_millis()));
        }
        Ok(rows)
    }

    fn reads(&mut self, changes: &Changes) -> Result<Rows> {
        let mut rows = Rows::new();
        for ((room, user), row) in &changes.reads {
            let id = if self.reads.insert((*room, user.clone())) { room.as_uuid() } else { self.fresh() };
            rows.begin(3).uuid(id).text(Some(user.as_str()))?.number(row.number)?;
        }
        Ok(rows)
    }
}

impl Batch {
    /// Writes it and moves the checkpoint of `partition`, in one transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(&self, pool: &PgPool, partition: u32) -> Result<()> {
        const CHECKPOINT: &str = "INSERT INTO checkpoints (topic, partition, next_offset, epoch, sequence) \
            VALUES ('rooms.v1', $1, 1, 1, 1) ON CONFLICT (topic, partition) DO UPDATE SET next_offset = checkpoints.next_offset + 1";
        let mut transaction = pool.begin().await?;
        sqlx::query(CHECKPOINT).bind(i64::from(partition)).execute(&mut *transaction).await?;
        for (statement, rows) in &self.tables {
            let mut copy = transaction.copy_in_raw(statement).await?;
            copy.send(rows.as_slice()).await?;
            copy.finish().await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

fn rooms(changes: &Changes) -> Result<Rows> {
    let mut rows = Rows::new();
    for (room, row) in &changes.rooms {
        let kind = match row.kind {
            Kind::Public => "public",
            Kind::Private => "private",
            Kind::Direct => "direct",
        };
        let status = match row.status {
            Status::Open => "open",
            Status::Closed => "closed",
            Status::Archived => "archived",
        };
        rows.begin(9).uuid(room.as_uuid()).text(Some(kind))?.text(Some(status))?.text(row.name.as_deref())?;
        rows.text(row.name.as_deref())?.text(Some(&row.topic))?.text(Some(row.created_by.as_str()))?;
        rows.integer(Some(row.created_at.as_millis())).number(row.version)?;
    }
    Ok(rows)
}

fn members(changes: &Changes) -> Result<Rows> {
    let mut rows = Rows::new();
    for ((room, user), row) in &changes.members {
        rows.begin(5).uuid(room.as_uuid()).text(Some(user.as_str()))?.text(row.role.map(role))?;
        rows.integer(row.joined_at.map(domain::Timestamp::as_millis)).number(row.version)?;
    }
    Ok(rows)
}

fn memberships(changes: &Changes) -> Result<Rows> {
    let mut rows = Rows::new();
    for ((room, user), row) in &changes.members {
        rows.begin(4).text(Some(user.as_str()))?.uuid(room.as_uuid()).text(row.role.map(role))?.number(row.version)?;
    }
    Ok(rows)
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

fn messages(changes: &Changes) -> Result<Rows> {
    let mut rows = Rows::new();
    for ((room, number), row) in &changes.messages {
        rows.begin(10).uuid(room.as_uuid()).number(*number)?.text(Some(row.author.as_str()))?;
        rows.integer(Some(row.sent_at.as_millis())).integer(None).text(row.text.as_deref())?;
        rows.text(None)?.integer(None).integer(None).number(row.version)?;
    }
    Ok(rows)
}

/// Rows in the binary form of COPY.
struct Rows {
    bytes: Vec<u8>,
    rows: usize,
}

impl Rows {
    fn new() -> Self {
        Self { bytes: b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec(), rows: 0 }
    }

    fn begin(&mut self, columns: i16) -> &mut Self {
        self.rows += 1;
        self.bytes.extend_from_slice(&columns.to_be_bytes());
        self
    }

    fn value(&mut self, value: &[u8]) -> Result<&mut Self> {
        self.bytes.extend_from_slice(&i32::try_from(value.len())?.to_be_bytes());
        self.bytes.extend_from_slice(value);
        Ok(self)
    }

    fn none(&mut self) -> &mut Self {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
        self
    }

    fn uuid(&mut self, id: Uuid) -> &mut Self {
        self.bytes.extend_from_slice(&16_i32.to_be_bytes());
        self.bytes.extend_from_slice(id.as_bytes());
        self
    }

    fn integer(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            None => self.none(),
            Some(number) => {
                self.bytes.extend_from_slice(&8_i32.to_be_bytes());
                self.bytes.extend_from_slice(&number.to_be_bytes());
                self
            }
        }
    }

    fn number(&mut self, number: u64) -> Result<&mut Self> {
        Ok(self.integer(Some(i64::try_from(number)?)))
    }

    fn text(&mut self, text: Option<&str>) -> Result<&mut Self> {
        match text {
            None => Ok(self.none()),
            Some(text) => self.value(text.as_bytes()),
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        self.bytes
    }
}
