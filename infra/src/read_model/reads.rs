//! The read side of the port, written once: an adapter only has to run a statement and hand its rows over.

use async_trait::async_trait;
use domain::{RoomId, UserId};
use uuid::Uuid;

use super::columns::{self, Columns, saturated};
use super::statements::Statements;
use super::{
    Checkpoint, Direction, Fault, MemberView, MentionView, MessageView, MineView, Page, ReadView, RoomChanges, RoomView, UserView,
};
use crate::log::{Topic, TopicPartition};

/// The most rows that one query returns, whatever it is asked for.
const ROWS_MAX: u32 = 10_000;
/// Unread mentions of one room are counted up to here: more is "many" to anybody.
const UNREAD_MENTIONS_MAX: i64 = 1_000;
/// No name that has a prefix sorts after the prefix with this behind it.
const LAST_CHARACTER: char = char::MAX;

/// A value bound to a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument<'a> {
    Text(&'a str),
    Integer(i64),
    Uuid(Uuid),
}

/// A statement with its values.
pub(super) type Query<'a> = (&'static str, &'a [Argument<'a>]);

/// Runs SELECT statements.
#[async_trait]
pub(super) trait Reader: Send + Sync {
    type Row: Columns;

    /// The statements in this database's spelling.
    fn statements(&self) -> &'static Statements;

    /// The rows of one statement.
    async fn rows(&self, query: Query<'_>) -> Result<Vec<Self::Row>, Fault>;

    /// The rows of several statements, all from one snapshot.
    async fn snapshot<const N: usize>(&self, queries: [Query<'_>; N]) -> Result<[Vec<Self::Row>; N], Fault>;
}

pub(super) async fn checkpoint(reader: &impl Reader, partition: TopicPartition) -> Result<Checkpoint, Fault> {
    let arguments = [Argument::Text(partition.topic.base_name()), Argument::Integer(i64::from(partition.partition))];
    let rows = reader.rows((reader.statements().checkpoint, &arguments)).await?;
    let Some(row) = rows.first() else { return Ok(Checkpoint::default()) };
    columns::checkpoint(row).map(|(_, _, checkpoint)| checkpoint)
}

pub(super) async fn checkpoints(reader: &impl Reader) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
    known_checkpoints(&reader.rows((reader.statements().checkpoints, &[])).await?)
}

pub(super) fn known_checkpoints(rows: &[impl Columns]) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (topic, partition, checkpoint) = columns::checkpoint(row)?;
        // A topic that a later version added is none of ours.
        if let Some(topic) = Topic::ALL.into_iter().find(|known| known.base_name() == topic) {
            found.push((TopicPartition { topic, partition }, checkpoint));
        }
    }
    Ok(found)
}

pub(super) async fn room_for(reader: &impl Reader, room: RoomId, viewer: &UserId) -> Result<Option<RoomView>, Fault> {
    let arguments = [Argument::Text(viewer.as_str()), Argument::Uuid(room.as_uuid())];
    let rows = reader.rows((reader.statements().room, &arguments)).await?;
    rows.first().map(columns::room_view).transpose()
}

pub(super) async fn rooms_of(
    reader: &impl Reader,
    user: &UserId,
    before: Option<(i64, RoomId)>,
    limit: u32,
) -> Result<Page<MineView>, Fault> {
    let (at, room) = before.map_or((i64::MAX, Uuid::max()), |(at, room)| (at, room.as_uuid()));
    let arguments = [
        Argument::Text(user.as_str()),
        Argument::Integer(at),
        Argument::Uuid(room),
        one_more(limit),
        Argument::Integer(UNREAD_MENTIONS_MAX),
    ];
    let rows = reader.rows((reader.statements().rooms_of, &arguments)).await?;
    page(&rows, limit, columns::mine_view)
}

pub(super) async fn rooms_in(reader: &impl Reader, user: &UserId, limit: u32) -> Result<Vec<RoomId>, Fault> {
    let arguments = [Argument::Text(user.as_str()), Argument::Integer(i64::from(limit.min(ROWS_MAX)))];
    let rows = reader.rows((reader.statements().rooms_in, &arguments)).await?;
    rows.iter().map(|row| Ok(RoomId::from_uuid(row.uuid("room_id")?))).collect()
}

pub(super) async fn public_rooms(
    reader: &impl Reader,
    viewer: &UserId,
    prefix: Option<&str>,
    after: Option<(String, RoomId)>,
    limit: u32,
) -> Result<Page<RoomView>, Fault> {
    let from = columns::folded(prefix.unwrap_or_default());
    let to = format!("{from}{LAST_CHARACTER}");
    let (name, room) = after.map_or((String::new(), Uuid::nil()), |(name, room)| (columns::folded(&name), room.as_uuid()));
    let arguments = [
        Argument::Text(viewer.as_str()),
        Argument::Text(&from),
        Argument::Text(&to),
        Argument::Text(&name),
        Argument::Uuid(room),
        one_more(limit),
    ];
    let rows = reader.rows((reader.statements().public_rooms, &arguments)).await?;
    page(&rows, limit, columns::room_view)
}

pub(super) async fn members(
    reader: &impl Reader,
    room: RoomId,
    after: Option<&UserId>,
    limit: u32,
) -> Result<Page<MemberView>, Fault> {
    let arguments = [Argument::Uuid(room.as_uuid()), Argument::Text(after.map_or("", UserId::as_str)), one_more(limit)];
    let rows = reader.rows((reader.statements().members, &arguments)).await?;
    page(&rows, limit, columns::member_view)
}

pub(super) async fn member(reader: &impl Reader, room: RoomId, user: &UserId) -> Result<Option<MemberView>, Fault> {
    let arguments = [Argument::Uuid(room.as_uuid()), Argument::Text(user.as_str())];
    let rows = reader.rows((reader.statements().member, &arguments)).await?;
    rows.first().map(columns::member_view).transpose()
}

pub(super) async fn messages(
    reader: &impl Reader,
    room: RoomId,
    direction: Direction,
    limit: u32,
    viewer: &UserId,
) -> Result<Page<MessageView>, Fault> {
    let (statement, number) = match direction {
        Direction::Before(number) => (reader.statements().messages_before, number),
        Direction::After(number) => (reader.statements().messages_after, number),
    };
    let arguments =
        [Argument::Text(viewer.as_str()), Argument::Uuid(room.as_uuid()), Argument::Integer(saturated(number)), one_more(limit)];
    let rows = reader.rows((statement, &arguments)).await?;
    page(&rows, limit, columns::message_view)
}

pub(super) async fn message(
    reader: &impl Reader,
    room: RoomId,
    number: u64,
    viewer: &UserId,
) -> Result<Option<MessageView>, Fault> {
    let arguments = [Argument::Text(viewer.as_str()), Argument::Uuid(room.as_uuid()), Argument::Integer(saturated(number))];
    let rows = reader.rows((reader.statements().message, &arguments)).await?;
    rows.first().map(columns::message_view).transpose()
}

pub(super) async fn reactions(reader: &impl Reader, room: RoomId, number: u64) -> Result<Vec<(String, UserId)>, Fault> {
    let most = i64::try_from(domain::room::REACTIONS_MAX).unwrap_or(i64::MAX);
    let arguments = [Argument::Uuid(room.as_uuid()), Argument::Integer(saturated(number)), Argument::Integer(most)];
    let rows = reader.rows((reader.statements().reactions, &arguments)).await?;
    rows.iter().map(columns::reaction).collect()
}

pub(super) async fn mentions_of(
    reader: &impl Reader,
    user: &UserId,
    before: Option<(i64, RoomId, u64)>,
    limit: u32,
) -> Result<Page<MentionView>, Fault> {
    let (at, room, number) =
        before.map_or((i64::MAX, Uuid::max(), i64::MAX), |(at, room, number)| (at, room.as_uuid(), saturated(number)));
    let arguments =
        [Argument::Text(user.as_str()), Argument::Integer(at), Argument::Uuid(room), Argument::Integer(number), one_more(limit)];
    let rows = reader.rows((reader.statements().mentions_of, &arguments)).await?;
    page(&rows, limit, columns::mention_view)
}

pub(super) async fn changes_after(
    reader: &impl Reader,
    room: RoomId,
    version: u64,
    limit: u32,
    viewer: &UserId,
) -> Result<Option<RoomChanges>, Fault> {
    let limit = limit.min(ROWS_MAX);
    let (viewer, room) = (Argument::Text(viewer.as_str()), Argument::Uuid(room.as_uuid()));
    let (after, limit_and_one) = (Argument::Integer(saturated(version)), one_more(limit));
    let statements = reader.statements();
    let [details, members, messages] = reader
        .snapshot([
            (statements.room, &[viewer, room]),
            (statements.members_changed, &[room, after, limit_and_one]),
            (statements.messages_changed, &[viewer, room, after, limit_and_one]),
        ])
        .await?;
    let Some(details) = details.first() else { return Ok(None) };
    let details_version = Some(columns::details_version(details)?).filter(|made_by| *made_by > version);
    if members.len() + messages.len() + usize::from(details_version.is_some()) > limit as usize {
        return Ok(None);
    }
    Ok(Some(RoomChanges {
        room: columns::room_view(details)?,
        details_version,
        members: members.iter().map(columns::member_view).collect::<Result<_, _>>()?,
        messages: messages.iter().map(columns::message_view).collect::<Result<_, _>>()?,
    }))
}

pub(super) async fn reads_of(reader: &impl Reader, room: RoomId, limit: u32) -> Result<Vec<ReadView>, Fault> {
    let arguments = [Argument::Uuid(room.as_uuid()), Argument::Integer(i64::from(limit.min(ROWS_MAX)))];
    let rows = reader.rows((reader.statements().reads_of, &arguments)).await?;
    rows.iter().map(columns::read_view).collect()
}

pub(super) async fn users(reader: &impl Reader, users: &[UserId]) -> Result<Vec<UserView>, Fault> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    // A list of ids always serialises.
    let listed = serde_json::to_string(users).unwrap_or_default();
    let rows = reader.rows((reader.statements().users, &[Argument::Text(&listed)])).await?;
    rows.iter().map(columns::user_view).collect()
}

/// One row more than the page takes tells whether there are more.
pub(super) fn one_more(limit: u32) -> Argument<'static> {
    Argument::Integer(i64::from(limit.min(ROWS_MAX)) + 1)
}

pub(super) fn page<R, T>(rows: &[R], limit: u32, read: impl Fn(&R) -> Result<T, Fault>) -> Result<Page<T>, Fault> {
    let limit = limit.min(ROWS_MAX) as usize;
    let items = rows.iter().take(limit).map(read).collect::<Result<_, _>>()?;
    Ok(Page { items, more: rows.len() > limit })
}
