//! What both databases store alike: names of enumerations, folded names, and the reading of rows by column name.

use domain::room::{Kind, Role, Status};
use domain::{RoomId, Timestamp, UserId};
use uuid::Uuid;

use super::{
    Fault, Friendship, MemberView, MentionView, MessageView, MineView, ReactionView, ReadView, RelationView, RoomView, UserView,
    Viewer,
};

/// Reads one row by column name.
///
/// # Errors
/// [`Fault::Unavailable`] where a column is not of the type that is asked for: the schema is not ours.
pub(super) trait Columns: Send + Sync {
    fn text(&self, name: &'static str) -> Result<Option<String>, Fault>;
    fn integer(&self, name: &'static str) -> Result<Option<i64>, Fault>;
    fn boolean(&self, name: &'static str) -> Result<bool, Fault>;
    fn uuid(&self, name: &'static str) -> Result<Uuid, Fault>;
}

/// A number for a signed column.
///
/// # Errors
/// [`Fault::Rejected`] beyond 2⁶³−1, which no real sequence reaches.
pub(super) fn signed(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::Rejected(format!("{number} does not fit a column")))
}

/// The same as [`signed`] for a bound that comes from a reader: what is beyond every row is as good as the largest number.
pub(super) fn saturated(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How names compare in the directory: each character in lower case, without regard to its neighbours, so that the fold of a
/// prefix is a prefix of the fold.
pub(super) fn folded(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

pub(super) const fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "public",
        Kind::Private => "private",
        Kind::Direct => "direct",
    }
}

pub(super) const fn status_name(status: Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Closed => "closed",
        Status::Archived => "archived",
    }
}

pub(super) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

pub(super) const fn friendship_name(friendship: Friendship) -> &'static str {
    match friendship {
        Friendship::None => "none",
        Friendship::Outgoing => "outgoing",
        Friendship::Incoming => "incoming",
        Friendship::Friends => "friends",
    }
}

/// Mentions as one column; nothing where there are none, which is nearly everywhere.
pub(super) fn mentions_column(mentions: &[UserId]) -> Result<Option<String>, Fault> {
    if mentions.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(mentions).map(Some).map_err(|error| Fault::Rejected(error.to_string()))
}

fn foreign(what: &'static str) -> Fault {
    Fault::Unavailable(format!("the column {what} holds what this version never writes"))
}

fn kind(row: &impl Columns) -> Result<Kind, Fault> {
    match text(row, "kind")?.as_str() {
        "public" => Ok(Kind::Public),
        "private" => Ok(Kind::Private),
        "direct" => Ok(Kind::Direct),
        _ => Err(foreign("kind")),
    }
}

fn status(row: &impl Columns) -> Result<Status, Fault> {
    match text(row, "status")?.as_str() {
        "open" => Ok(Status::Open),
        "closed" => Ok(Status::Closed),
        "archived" => Ok(Status::Archived),
        _ => Err(foreign("status")),
    }
}

fn role(row: &impl Columns, name: &'static str) -> Result<Option<Role>, Fault> {
    row.text(name)?
        .map(|role| match role.as_str() {
            "member" => Ok(Role::Member),
            "moderator" => Ok(Role::Moderator),
            "owner" => Ok(Role::Owner),
            _ => Err(foreign(name)),
        })
        .transpose()
}

fn text(row: &impl Columns, name: &'static str) -> Result<String, Fault> {
    row.text(name)?.ok_or_else(|| foreign(name))
}

fn number(row: &impl Columns, name: &'static str) -> Result<u64, Fault> {
    number_if_any(row, name)?.ok_or_else(|| foreign(name))
}

fn number_if_any(row: &impl Columns, name: &'static str) -> Result<Option<u64>, Fault> {
    row.integer(name)?.map(|value| u64::try_from(value).map_err(|_| foreign(name))).transpose()
}

fn time(row: &impl Columns, name: &'static str) -> Result<Timestamp, Fault> {
    time_if_any(row, name)?.ok_or_else(|| foreign(name))
}

fn time_if_any(row: &impl Columns, name: &'static str) -> Result<Option<Timestamp>, Fault> {
    row.integer(name)?.map(|ms| Timestamp::from_millis(ms).map_err(|_| foreign(name))).transpose()
}

fn user(row: &impl Columns, name: &'static str) -> Result<UserId, Fault> {
    user_if_any(row, name)?.ok_or_else(|| foreign(name))
}

fn user_if_any(row: &impl Columns, name: &'static str) -> Result<Option<UserId>, Fault> {
    row.text(name)?.map(|id| UserId::parse(&id).map_err(|_| foreign(name))).transpose()
}

pub(super) fn checkpoint(row: &impl Columns) -> Result<(String, u32, super::Checkpoint), Fault> {
    let cursor = domain::Cursor { epoch: number(row, "epoch")?, sequence: number(row, "sequence")? };
    let partition = u32::try_from(number(row, "partition")?).map_err(|_| foreign("partition"))?;
    Ok((text(row, "topic")?, partition, super::Checkpoint { next_offset: number(row, "next_offset")?, cursor }))
}

pub(super) fn room_view(row: &impl Columns) -> Result<RoomView, Fault> {
    Ok(RoomView {
        room: RoomId::from_uuid(row.uuid("room_id")?),
        kind: kind(row)?,
        status: status(row)?,
        name: row.text("name")?,
        topic: text(row, "topic")?,
        created_by: user(row, "created_by")?,
        created_at: time(row, "created_at")?,
        version: number(row, "head_version")?,
        last_number: number(row, "last_number")?,
        last_activity_at: time(row, "last_activity_at")?,
        member_count: number(row, "member_count")?,
        viewer: Viewer {
            role: role(row, "viewer_role")?,
            read_number: number(row, "viewer_read")?,
            muted: row.boolean("viewer_muted")?,
        },
    })
}

/// The version that made a room's details.
pub(super) fn details_version(row: &impl Columns) -> Result<u64, Fault> {
    number(row, "details_version")
}

pub(super) fn mine_view(row: &impl Columns) -> Result<MineView, Fault> {
    let has_message = row.integer("number")?.is_some();
    Ok(MineView {
        room: room_view(row)?,
        unread_mentions: number(row, "unread_mentions")?,
        last_message: if has_message { Some(message_view(row)?) } else { None },
        direct_with: user_if_any(row, "direct_with")?,
    })
}

pub(super) fn message_view(row: &impl Columns) -> Result<MessageView, Fault> {
    let mentions = row.text("mentions")?.map_or(Ok(Vec::new()), |json| serde_json::from_str(&json));
    Ok(MessageView {
        room: RoomId::from_uuid(row.uuid("room_id")?),
        number: number(row, "number")?,
        author: user(row, "author")?,
        sent_at: time(row, "sent_at")?,
        reply_to: number_if_any(row, "reply_to")?,
        text: row.text("text")?,
        mentions: mentions.map_err(|_| foreign("mentions"))?,
        edited_at: time_if_any(row, "edited_at")?,
        deleted_at: time_if_any(row, "deleted_at")?,
        reactions: reactions(row)?,
        version: number(row, "message_version")?,
    })
}

/// Reactions arrive as one JSON text `[[emoji, count, mine], …]`; nothing where nobody reacted.
fn reactions(row: &impl Columns) -> Result<Vec<ReactionView>, Fault> {
    let Some(json) = row.text("reactions")? else { return Ok(Vec::new()) };
    let counted: Vec<(String, u64, u64)> = serde_json::from_str(&json).map_err(|_| foreign("reactions"))?;
    let mut views: Vec<ReactionView> =
        counted.into_iter().map(|(emoji, count, mine)| ReactionView { emoji, count, mine: mine > 0 }).collect();
    // Sorted here and not there: the two databases compare texts differently.
    views.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.emoji.cmp(&b.emoji)));
    Ok(views)
}

pub(super) fn reaction(row: &impl Columns) -> Result<(String, UserId), Fault> {
    Ok((text(row, "emoji")?, user(row, "user_id")?))
}

pub(super) fn mention_view(row: &impl Columns) -> Result<MentionView, Fault> {
    Ok(MentionView { message: message_view(row)?, room_name: row.text("name")? })
}

pub(super) fn member_view(row: &impl Columns) -> Result<MemberView, Fault> {
    let id = user(row, "user_id")?;
    Ok(MemberView {
        user_name: row.text("user_name")?.unwrap_or_else(|| id.to_string()),
        user: id,
        role: role(row, "role")?,
        joined_at: time_if_any(row, "joined_at")?.unwrap_or_default(),
        version: number(row, "version")?,
    })
}

pub(super) fn read_view(row: &impl Columns) -> Result<ReadView, Fault> {
    Ok(ReadView { user: user(row, "user_id")?, number: number(row, "number")? })
}

pub(super) fn read_row(row: &impl Columns) -> Result<(super::ReadKey, u64), Fault> {
    Ok(((RoomId::from_uuid(row.uuid("room_id")?), user(row, "user_id")?), number(row, "number")?))
}

pub(super) fn user_view(row: &impl Columns) -> Result<UserView, Fault> {
    let (id, deactivated) = (user(row, "user_id")?, row.boolean("deactivated")?);
    let (user_name, status_text) =
        if deactivated { (id.to_string(), String::new()) } else { (text(row, "user_name")?, text(row, "status_text")?) };
    Ok(UserView { user: id, user_name, status_text, registered_at: time(row, "registered_at")?, deactivated })
}

pub(super) fn relation_view(row: &impl Columns) -> Result<RelationView, Fault> {
    let friendship = match text(row, "friendship")?.as_str() {
        "none" => Friendship::None,
        "outgoing" => Friendship::Outgoing,
        "incoming" => Friendship::Incoming,
        "friends" => Friendship::Friends,
        _ => return Err(foreign("friendship")),
    };
    let changed_at = time(row, "changed_at")?;
    Ok(RelationView { other: user_view(row)?, friendship, changed_at, presence_hidden: presence_hidden(row)? })
}

pub(super) fn presence_hidden(row: &impl Columns) -> Result<bool, Fault> {
    row.boolean("presence_hidden")
}

pub(super) fn other_id(row: &impl Columns) -> Result<UserId, Fault> {
    user(row, "other_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fold_of_a_prefix_is_a_prefix_of_the_fold() {
        for name in ["Überraum", "ΑΣΑΣ", "İstanbul", "사랑방 Lobby", "ﬀ"] {
            for (cut, _) in name.char_indices() {
                let (prefix, _) = name.split_at(cut);
                assert!(folded(name).starts_with(&folded(prefix)), "{name} {prefix}");
            }
            assert_eq!(folded(&folded(name)), folded(name));
        }
    }
}
