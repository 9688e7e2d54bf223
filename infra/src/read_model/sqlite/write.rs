//! Writes a batch: one statement a table, its rows as one JSON text. Row by row is ten times slower.
//!
//! Every table but `room_heads` and `reads`, whose fields only rise, refuses a row whose version is not above the one that is
//! there: so a replay, a retry and a late batch change nothing.

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use super::fault;
use crate::log::TopicPartition;
use crate::read_model::columns::{folded, friendship_name, kind_name, mentions_column, role_name, signed, status_name};
use crate::read_model::{Changes, Checkpoint, Fault};

/// Moves the checkpoint from `expected` to `next`. Comes first in the transaction, so that a loser loses at once.
pub(super) async fn checkpoint(
    connection: &mut SqliteConnection,
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
        .bind(partition.partition)
        .bind(signed(expected.next_offset)?)
        .bind(signed(expected.cursor.epoch)?)
        .bind(signed(expected.cursor.sequence)?)
        .execute(connection)
        .await
        .map_err(fault)?;
    if moved.rows_affected() == 0 { Err(Fault::CheckpointMoved(partition)) } else { Ok(()) }
}

/// Writes the rows of every table.
pub(super) async fn rows(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    people(connection, changes).await?;
    relations(connection, changes).await?;
    rooms(connection, changes).await?;
    memberships(connection, changes).await?;
    messages(connection, changes).await?;
    about_messages(connection, changes).await
}

async fn people(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const USERS: &str = "INSERT INTO users (user_id, user_name, status_text, registered_at, version) \
        SELECT value->>0, value->>1, value->>2, value->>3, value->>4 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id) DO UPDATE SET user_name = excluded.user_name, status_text = excluded.status_text, \
        registered_at = excluded.registered_at, version = excluded.version WHERE excluded.version > users.version";
    const DEACTIVATIONS: &str = "INSERT INTO deactivations (user_id, deactivated_at, version) \
        SELECT value->>0, value->>1, value->>2 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id) DO UPDATE SET deactivated_at = excluded.deactivated_at, version = excluded.version \
        WHERE excluded.version > deactivations.version";
    const MUTES: &str = "INSERT INTO mutes (user_id, room_id, muted, version) \
        SELECT value->>0, unhex(value->>1), value->>2, value->>3 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id, room_id) DO UPDATE SET muted = excluded.muted, version = excluded.version \
        WHERE excluded.version > mutes.version";
    let users = changes.users.iter().map(|(user, row)| {
        Ok((user.as_str(), &row.user_name, &row.status_text, row.registered_at.as_millis(), signed(row.version)?))
    });
    put(connection, USERS, users).await?;
    let gone = changes.deactivations.iter();
    let gone = gone.map(|(user, row)| Ok((user.as_str(), row.deactivated_at.as_millis(), signed(row.version)?)));
    put(connection, DEACTIVATIONS, gone).await?;
    let mutes = changes.mutes.iter();
    let mutes = mutes.map(|((user, room), row)| Ok((user.as_str(), hex(*room), row.muted, signed(row.version)?)));
    put(connection, MUTES, mutes).await
}

async fn relations(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const RELATIONS: &str = "INSERT INTO relations (user_id, other_id, friendship, blocks, blocked, changed_at, version) \
        SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id, other_id) DO UPDATE SET friendship = excluded.friendship, blocks = excluded.blocks, \
        blocked = excluded.blocked, changed_at = excluded.changed_at, version = excluded.version \
        WHERE excluded.version > relations.version";
    const VISIBILITIES: &str = "INSERT INTO visibilities (user_id, presence_hidden, version) \
        SELECT value->>0, value->>1, value->>2 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id) DO UPDATE SET presence_hidden = excluded.presence_hidden, version = excluded.version \
        WHERE excluded.version > visibilities.version";
    let relations = changes.relations.iter().map(|((user, other), row)| {
        let (friendship, changed_at) = (friendship_name(row.friendship), row.changed_at.as_millis());
        Ok((user.as_str(), other.as_str(), friendship, row.blocks, row.blocked, changed_at, signed(row.version)?))
    });
    put(connection, RELATIONS, relations).await?;
    let visibilities = changes.visibilities.iter();
    put(connection, VISIBILITIES, visibilities.map(|(user, row)| Ok((user.as_str(), row.presence_hidden, signed(row.version)?))))
        .await
}

async fn rooms(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const ROOMS: &str = "INSERT INTO rooms (room_id, kind, status, name, name_folded, topic, created_by, created_at, version) \
        SELECT unhex(value->>0), value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8 \
        FROM json_each($1) WHERE true \
        ON CONFLICT (room_id) DO UPDATE SET kind = excluded.kind, status = excluded.status, name = excluded.name, \
        name_folded = excluded.name_folded, topic = excluded.topic, created_by = excluded.created_by, \
        created_at = excluded.created_at, version = excluded.version WHERE excluded.version > rooms.version";
    const HEADS: &str = "INSERT INTO room_heads (room_id, version, last_number, last_activity_at) \
        SELECT unhex(value->>0), value->>1, value->>2, value->>3 FROM json_each($1) WHERE true \
        ON CONFLICT (room_id) DO UPDATE SET version = max(excluded.version, room_heads.version), \
        last_number = max(excluded.last_number, room_heads.last_number), \
        last_activity_at = max(excluded.last_activity_at, room_heads.last_activity_at)";
    let rooms = changes.rooms.iter().map(|(room, row)| {
        Ok((
            hex(*room),
            kind_name(row.kind),
            status_name(row.status),
            &row.name,
            row.name.as_deref().map(folded),
            &row.topic,
            row.created_by.as_str(),
            row.created_at.as_millis(),
            signed(row.version)?,
        ))
    });
    put(connection, ROOMS, rooms).await?;
    let heads = changes
        .room_heads
        .iter()
        .map(|(room, row)| Ok((hex(*room), signed(row.version)?, signed(row.last_number)?, row.last_activity_at.as_millis())));
    put(connection, HEADS, heads).await
}

async fn memberships(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const MEMBERS: &str = "INSERT INTO members (room_id, user_id, role, joined_at, version) \
        SELECT unhex(value->>0), value->>1, value->>2, value->>3, value->>4 FROM json_each($1) WHERE true \
        ON CONFLICT (room_id, user_id) DO UPDATE SET role = excluded.role, \
        joined_at = coalesce(excluded.joined_at, members.joined_at), version = excluded.version \
        WHERE excluded.version > members.version";
    const MEMBERSHIPS: &str = "INSERT INTO memberships (user_id, room_id, role, version) \
        SELECT value->>1, unhex(value->>0), value->>2, value->>4 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id, room_id) DO UPDATE SET role = excluded.role, version = excluded.version \
        WHERE excluded.version > memberships.version";
    let members = changes.members.iter().map(|((room, user), row)| {
        let joined_at = row.joined_at.map(domain::Timestamp::as_millis);
        Ok((hex(*room), user.as_str(), row.role.map(role_name), joined_at, signed(row.version)?))
    });
    put(connection, MEMBERS, members.clone()).await?;
    put(connection, MEMBERSHIPS, members).await
}

async fn messages(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const MESSAGES: &str = "INSERT INTO messages \
        (room_id, number, author, sent_at, reply_to, text, mentions, edited_at, deleted_at, version) \
        SELECT unhex(value->>0), value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7, value->>8, value->>9 \
        FROM json_each($1) WHERE true \
        ON CONFLICT (room_id, number) DO UPDATE SET author = excluded.author, sent_at = excluded.sent_at, \
        reply_to = excluded.reply_to, text = excluded.text, mentions = excluded.mentions, edited_at = excluded.edited_at, \
        deleted_at = excluded.deleted_at, version = excluded.version WHERE excluded.version > messages.version";
    let messages = changes.messages.iter().map(|((room, number), row)| {
        Ok((
            hex(*room),
            signed(*number)?,
            row.author.as_str(),
            row.sent_at.as_millis(),
            row.reply_to.map(signed).transpose()?,
            &row.text,
            mentions_column(&row.mentions)?,
            row.edited_at.map(domain::Timestamp::as_millis),
            row.deleted_at.map(domain::Timestamp::as_millis),
            signed(row.version)?,
        ))
    });
    put(connection, MESSAGES, messages).await
}

async fn about_messages(connection: &mut SqliteConnection, changes: &Changes) -> Result<(), Fault> {
    const MENTIONS: &str = "INSERT INTO mentions (user_id, room_id, number, sent_at, present, version) \
        SELECT value->>0, unhex(value->>1), value->>2, value->>3, value->>4, value->>5 FROM json_each($1) WHERE true \
        ON CONFLICT (user_id, room_id, number) DO UPDATE SET sent_at = excluded.sent_at, present = excluded.present, \
        version = excluded.version WHERE excluded.version > mentions.version";
    const REACTIONS: &str = "INSERT INTO reactions (room_id, number, emoji, user_id, present, version) \
        SELECT unhex(value->>0), value->>1, value->>2, value->>3, value->>4, value->>5 FROM json_each($1) WHERE true \
        ON CONFLICT (room_id, number, emoji, user_id) DO UPDATE SET present = excluded.present, version = excluded.version \
        WHERE excluded.version > reactions.version";
    const READS: &str = "INSERT INTO reads (room_id, user_id, number) \
        SELECT unhex(value->>0), value->>1, value->>2 FROM json_each($1) WHERE true \
        ON CONFLICT (room_id, user_id) DO UPDATE SET number = excluded.number WHERE excluded.number > reads.number";
    let mentions = changes.mentions.iter().map(|((user, room, number), row)| {
        Ok((user.as_str(), hex(*room), signed(*number)?, row.sent_at.as_millis(), row.present, signed(row.version)?))
    });
    put(connection, MENTIONS, mentions).await?;
    let reactions = changes.reactions.iter().map(|((room, number, emoji, user), row)| {
        Ok((hex(*room), signed(*number)?, emoji, user.as_str(), row.present, signed(row.version)?))
    });
    put(connection, REACTIONS, reactions).await?;
    let reads = changes.reads.iter();
    let reads = reads.map(|((room, user), row)| Ok((hex(*room), user.as_str(), signed(row.number)?)));
    put(connection, READS, reads).await
}

/// Runs `statement` over the rows, if there are any.
async fn put<T: Serialize>(
    connection: &mut SqliteConnection,
    statement: &'static str,
    rows: impl ExactSizeIterator<Item = Result<T, Fault>>,
) -> Result<(), Fault> {
    if rows.len() == 0 {
        return Ok(());
    }
    let rows = rows.collect::<Result<Vec<T>, Fault>>()?;
    let json = serde_json::to_string(&rows).map_err(|error| Fault::Rejected(error.to_string()))?;
    sqlx::query(statement).bind(json).execute(connection).await.map_err(fault)?;
    Ok(())
}

/// A room id as `unhex` reads it: JSON has no bytes.
fn hex(room: domain::RoomId) -> String {
    room.as_uuid().simple().to_string()
}
