//! Writes a batch: one statement a table, each column an array (`UNNEST`), so that a batch costs a round trip a table. Rows
//! that are new go in by `copy`, where there are enough of them.
//!
//! Every table but `room_heads` and `reads`, whose fields only rise, refuses a row whose version is not above the one that is
//! there: so a replay, a retry and a late batch change nothing.

use domain::{RoomId, Timestamp, UserId};
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::Query;
use sqlx::{Encode, Postgres, Type};
use uuid::Uuid;

use super::copy::{self, Copied};
use super::fault;
use super::split::{Keyed, New, Part, split};
use crate::log::TopicPartition;
use crate::read_model::columns::{folded, friendship_name, kind_name, mentions_column, role_name, signed, status_name};
use crate::read_model::{Changes, Checkpoint, Fault, MemberRow, MessageRow};

/// Moves the checkpoint from `expected` to `next`. Comes first in the transaction: the row's lock makes a rival wait, and it
/// then finds the checkpoint moved.
pub(super) async fn checkpoint(
    connection: &mut PgConnection,
    partition: TopicPartition,
    expected: Checkpoint,
    next: Checkpoint,
) -> Result<(), Fault> {
    const MOVE: &str = "UPDATE checkpoints SET next_offset = $1, epoch = $2, sequence = $3 \
        WHERE topic = $4 AND partition = $5 AND next_offset = $6 AND epoch = $7 AND sequence = $8";
    // A checkpoint that is not there yet stands at the beginning, and so may one that is there.
    const BEGIN: &str = "INSERT INTO checkpoints (next_offset, epoch, sequence, topic, partition) VALUES ($1, $2, $3, $4, $5) \
        ON CONFLICT (topic, partition) DO UPDATE \
        SET next_offset = excluded.next_offset, epoch = excluded.epoch, sequence = excluded.sequence \
        WHERE checkpoints.next_offset = $6 AND checkpoints.epoch = $7 AND checkpoints.sequence = $8";
    let statement = if expected == Checkpoint::default() { BEGIN } else { MOVE };
    let moved = sqlx::query(statement)
        .bind(signed(next.next_offset)?)
        .bind(signed(next.cursor.epoch)?)
        .bind(signed(next.cursor.sequence)?)
        .bind(partition.topic.base_name())
        .bind(i64::from(partition.partition))
        .bind(signed(expected.next_offset)?)
        .bind(signed(expected.cursor.epoch)?)
        .bind(signed(expected.cursor.sequence)?)
        .execute(connection)
        .await
        .map_err(fault)?;
    if moved.rows_affected() == 0 { Err(Fault::CheckpointMoved(partition)) } else { Ok(()) }
}

/// Writes the rows of every table. [`Copied::Refused`]: the transaction is over, to be begun again with [`New::Guarded`].
pub(super) async fn rows(connection: &mut PgConnection, changes: &Changes, new: New) -> Result<Copied, Fault> {
    let (fresh, guarded) = split(changes, new);
    // First, so that what is done in vain is little.
    if copy::all(connection, &fresh).await? == Copied::Refused {
        return Ok(Copied::Refused);
    }
    messages(connection, &guarded.messages).await?;
    people(connection, changes).await?;
    relations(connection, changes).await?;
    rooms(connection, &guarded).await?;
    memberships(connection, &guarded.members).await?;
    about_messages(connection, changes).await?;
    Ok(Copied::All)
}

async fn people(connection: &mut PgConnection, changes: &Changes) -> Result<(), Fault> {
    const USERS: &str = "INSERT INTO users (user_id, user_name, status_text, registered_at, version) \
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) \
        ON CONFLICT (user_id) DO UPDATE SET user_name = excluded.user_name, status_text = excluded.status_text, \
        registered_at = excluded.registered_at, version = excluded.version WHERE excluded.version > users.version";
    const DEACTIVATIONS: &str = "INSERT INTO deactivations (user_id, deactivated_at, version) \
        SELECT * FROM UNNEST($1::text[], $2::bigint[], $3::bigint[]) \
        ON CONFLICT (user_id) DO UPDATE SET deactivated_at = excluded.deactivated_at, version = excluded.version \
        WHERE excluded.version > deactivations.version";
    const MUTES: &str = "INSERT INTO mutes (user_id, room_id, muted, version) \
        SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::boolean[], $4::bigint[]) \
        ON CONFLICT (user_id, room_id) DO UPDATE SET muted = excluded.muted, version = excluded.version \
        WHERE excluded.version > mutes.version";
    let users = &changes.users;
    Put::new(USERS, users.len())
        .column(users.keys().map(|user| Ok(user.as_str())))?
        .column(users.values().map(|row| Ok(row.user_name.as_str())))?
        .column(users.values().map(|row| Ok(row.status_text.as_str())))?
        .column(users.values().map(|row| Ok(row.registered_at.as_millis())))?
        .column(users.values().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let gone = &changes.deactivations;
    Put::new(DEACTIVATIONS, gone.len())
        .column(gone.keys().map(|user| Ok(user.as_str())))?
        .column(gone.values().map(|row| Ok(row.deactivated_at.as_millis())))?
        .column(gone.values().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let mutes = &changes.mutes;
    Put::new(MUTES, mutes.len())
        .column(mutes.keys().map(|(user, _)| Ok(user.as_str())))?
        .column(mutes.keys().map(|(_, room)| Ok(room.as_uuid())))?
        .column(mutes.values().map(|row| Ok(row.muted)))?
        .column(mutes.values().map(|row| signed(row.version)))?
        .run(connection)
        .await
}

async fn relations(connection: &mut PgConnection, changes: &Changes) -> Result<(), Fault> {
    const RELATIONS: &str = "INSERT INTO relations (user_id, other_id, friendship, blocks, blocked, changed_at, version) \
        SELECT * FROM UNNEST($1::text[], $2::text[], $3::text[], $4::boolean[], $5::boolean[], $6::bigint[], $7::bigint[]) \
        ON CONFLICT (user_id, other_id) DO UPDATE SET friendship = excluded.friendship, blocks = excluded.blocks, \
        blocked = excluded.blocked, changed_at = excluded.changed_at, version = excluded.version \
        WHERE excluded.version > relations.version";
    const VISIBILITIES: &str = "INSERT INTO visibilities (user_id, presence_hidden, version) \
        SELECT * FROM UNNEST($1::text[], $2::boolean[], $3::bigint[]) \
        ON CONFLICT (user_id) DO UPDATE SET presence_hidden = excluded.presence_hidden, version = excluded.version \
        WHERE excluded.version > visibilities.version";
    let relations = &changes.relations;
    Put::new(RELATIONS, relations.len())
        .column(relations.keys().map(|(user, _)| Ok(user.as_str())))?
        .column(relations.keys().map(|(_, other)| Ok(other.as_str())))?
        .column(relations.values().map(|row| Ok(friendship_name(row.friendship))))?
        .column(relations.values().map(|row| Ok(row.blocks)))?
        .column(relations.values().map(|row| Ok(row.blocked)))?
        .column(relations.values().map(|row| Ok(row.changed_at.as_millis())))?
        .column(relations.values().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let visibilities = &changes.visibilities;
    Put::new(VISIBILITIES, visibilities.len())
        .column(visibilities.keys().map(|user| Ok(user.as_str())))?
        .column(visibilities.values().map(|row| Ok(row.presence_hidden)))?
        .column(visibilities.values().map(|row| signed(row.version)))?
        .run(connection)
        .await
}

async fn rooms(connection: &mut PgConnection, part: &Part<'_>) -> Result<(), Fault> {
    const ROOMS: &str = "INSERT INTO rooms (room_id, kind, status, name, name_folded, topic, created_by, created_at, version) \
        SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[], \
        $9::bigint[]) \
        ON CONFLICT (room_id) DO UPDATE SET kind = excluded.kind, status = excluded.status, name = excluded.name, \
        name_folded = excluded.name_folded, topic = excluded.topic, created_by = excluded.created_by, \
        created_at = excluded.created_at, version = excluded.version WHERE excluded.version > rooms.version";
    const HEADS: &str = "INSERT INTO room_heads (room_id, version, last_number, last_activity_at) \
        SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) \
        ON CONFLICT (room_id) DO UPDATE SET version = greatest(excluded.version, room_heads.version), \
        last_number = greatest(excluded.last_number, room_heads.last_number), \
        last_activity_at = greatest(excluded.last_activity_at, room_heads.last_activity_at)";
    let ids = || part.rooms.iter().map(|(room, _)| *room);
    let rooms = || part.rooms.iter().map(|(_, row)| *row);
    Put::new(ROOMS, part.rooms.len())
        .column(uuids(ids()))?
        .column(rooms().map(|row| Ok(kind_name(row.kind))))?
        .column(rooms().map(|row| Ok(status_name(row.status))))?
        .column(rooms().map(|row| Ok(row.name.as_deref())))?
        .column(rooms().map(|row| Ok(row.name.as_deref().map(folded))))?
        .column(rooms().map(|row| Ok(row.topic.as_str())))?
        .column(rooms().map(|row| Ok(row.created_by.as_str())))?
        .column(rooms().map(|row| Ok(row.created_at.as_millis())))?
        .column(rooms().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let heads = || part.heads.iter().map(|(_, row)| *row);
    Put::new(HEADS, part.heads.len())
        .column(uuids(part.heads.iter().map(|(room, _)| *room)))?
        .column(heads().map(|row| signed(row.version)))?
        .column(heads().map(|row| signed(row.last_number)))?
        .column(heads().map(|row| Ok(row.last_activity_at.as_millis())))?
        .run(connection)
        .await
}

async fn memberships(connection: &mut PgConnection, members: &Keyed<'_, (RoomId, UserId), MemberRow>) -> Result<(), Fault> {
    const MEMBERS: &str = "INSERT INTO members (room_id, user_id, role, joined_at, version) \
        SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) \
        ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, \
        joined_at = coalesce(excluded.joined_at, members.joined_at), version = excluded.version \
        WHERE excluded.version > members.version";
    const MEMBERSHIPS: &str = "INSERT INTO memberships (room_id, user_id, role, version) \
        SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::bigint[]) \
        ON CONFLICT (user_id, room_id) DO UPDATE SET role = excluded.role, version = excluded.version \
        WHERE excluded.version > memberships.version";
    let keys = || members.iter().map(|(key, _)| *key);
    let rows = || members.iter().map(|(_, row)| *row);
    Put::new(MEMBERS, members.len())
        .column(uuids(keys().map(|(room, _)| room)))?
        .column(keys().map(|(_, user)| Ok(user.as_str())))?
        .column(rows().map(|row| Ok(row.role.map(role_name))))?
        .column(rows().map(|row| Ok(row.joined_at.map(Timestamp::as_millis))))?
        .column(rows().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    Put::new(MEMBERSHIPS, members.len())
        .column(uuids(keys().map(|(room, _)| room)))?
        .column(keys().map(|(_, user)| Ok(user.as_str())))?
        .column(rows().map(|row| Ok(row.role.map(role_name))))?
        .column(rows().map(|row| signed(row.version)))?
        .run(connection)
        .await
}

async fn messages(connection: &mut PgConnection, messages: &Keyed<'_, (RoomId, u64), MessageRow>) -> Result<(), Fault> {
    const MESSAGES: &str = "INSERT INTO messages \
        (room_id, number, author, sent_at, reply_to, text, mentions, edited_at, deleted_at, version) \
        SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[], \
        $8::bigint[], $9::bigint[], $10::bigint[]) \
        ON CONFLICT (room_id, number) DO UPDATE SET author = excluded.author, sent_at = excluded.sent_at, \
        reply_to = excluded.reply_to, text = excluded.text, mentions = excluded.mentions, edited_at = excluded.edited_at, \
        deleted_at = excluded.deleted_at, version = excluded.version WHERE excluded.version > messages.version";
    let keys = || messages.iter().map(|(key, _)| *key);
    let rows = || messages.iter().map(|(_, row)| *row);
    Put::new(MESSAGES, messages.len())
        .column(uuids(keys().map(|(room, _)| room)))?
        .column(keys().map(|(_, number)| signed(*number)))?
        .column(rows().map(|row| Ok(row.author.as_str())))?
        .column(rows().map(|row| Ok(row.sent_at.as_millis())))?
        .column(rows().map(|row| row.reply_to.map(signed).transpose()))?
        .column(rows().map(|row| Ok(row.text.as_deref())))?
        .column(rows().map(|row| mentions_column(&row.mentions)))?
        .column(rows().map(|row| Ok(row.edited_at.map(Timestamp::as_millis))))?
        .column(rows().map(|row| Ok(row.deleted_at.map(Timestamp::as_millis))))?
        .column(rows().map(|row| signed(row.version)))?
        .run(connection)
        .await
}

async fn about_messages(connection: &mut PgConnection, changes: &Changes) -> Result<(), Fault> {
    const MENTIONS: &str = "INSERT INTO mentions (user_id, room_id, number, sent_at, present, version) \
        SELECT * FROM UNNEST($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::boolean[], $6::bigint[]) \
        ON CONFLICT (user_id, room_id, number) DO UPDATE SET sent_at = excluded.sent_at, present = excluded.present, \
        version = excluded.version WHERE excluded.version > mentions.version";
    const REACTIONS: &str = "INSERT INTO reactions (room_id, number, emoji, user_id, present, version) \
        SELECT * FROM UNNEST($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::boolean[], $6::bigint[]) \
        ON CONFLICT (room_id, number, emoji, user_id) DO UPDATE SET present = excluded.present, version = excluded.version \
        WHERE excluded.version > reactions.version";
    const READS: &str = "INSERT INTO reads (room_id, user_id, number) \
        SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bigint[]) \
        ON CONFLICT (room_id, user_id) DO UPDATE SET number = excluded.number WHERE excluded.number > reads.number";
    let mentions = &changes.mentions;
    Put::new(MENTIONS, mentions.len())
        .column(mentions.keys().map(|(user, _, _)| Ok(user.as_str())))?
        .column(uuids(mentions.keys().map(|(_, room, _)| room)))?
        .column(mentions.keys().map(|(_, _, number)| signed(*number)))?
        .column(mentions.values().map(|row| Ok(row.sent_at.as_millis())))?
        .column(mentions.values().map(|row| Ok(row.present)))?
        .column(mentions.values().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let reactions = &changes.reactions;
    Put::new(REACTIONS, reactions.len())
        .column(uuids(reactions.keys().map(|(room, _, _, _)| room)))?
        .column(reactions.keys().map(|(_, number, _, _)| signed(*number)))?
        .column(reactions.keys().map(|(_, _, emoji, _)| Ok(emoji.as_str())))?
        .column(reactions.keys().map(|(_, _, _, user)| Ok(user.as_str())))?
        .column(reactions.values().map(|row| Ok(row.present)))?
        .column(reactions.values().map(|row| signed(row.version)))?
        .run(connection)
        .await?;
    let reads = &changes.reads;
    Put::new(READS, reads.len())
        .column(uuids(reads.keys().map(|(room, _)| room)))?
        .column(reads.keys().map(|(_, user)| Ok(user.as_str())))?
        .column(reads.values().map(|row| signed(row.number)))?
        .run(connection)
        .await
}

fn uuids<'a>(rooms: impl Iterator<Item = &'a RoomId>) -> impl Iterator<Item = Result<Uuid, Fault>> {
    rooms.map(|room| Ok(room.as_uuid()))
}

/// A statement that takes its rows column by column.
struct Put<'q> {
    rows: usize,
    query: Query<'q, Postgres, PgArguments>,
}

impl<'q> Put<'q> {
    fn new(statement: &'static str, rows: usize) -> Self {
        Self { rows, query: sqlx::query(statement) }
    }

    fn column<T>(self, values: impl Iterator<Item = Result<T, Fault>>) -> Result<Self, Fault>
    where
        Vec<T>: Encode<'q, Postgres> + Type<Postgres>,
    {
        let values = values.collect::<Result<Vec<T>, Fault>>()?;
        Ok(Self { rows: self.rows, query: self.query.bind(values) })
    }

    /// Runs the statement, if there are rows.
    async fn run(self, connection: &mut PgConnection) -> Result<(), Fault> {
        if self.rows == 0 {
            return Ok(());
        }
        self.query.execute(connection).await.map_err(fault)?;
        Ok(())
    }
}
