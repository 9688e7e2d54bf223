//! The SELECT statements, written once for both databases; what they spell differently is given as fragments.
//!
//! Every page is cut by its key (keyset paging), never by an offset, and every statement is one snapshot: a message and its
//! reactions come out of the same one. `$1` is the person who asks, or the room where nobody in particular asks.

/// The statements of one database.
pub(super) struct Statements {
    pub(super) checkpoint: &'static str,
    pub(super) checkpoints: &'static str,
    pub(super) room: &'static str,
    pub(super) rooms_of: &'static str,
    pub(super) rooms_in: &'static str,
    pub(super) public_rooms: &'static str,
    pub(super) members: &'static str,
    pub(super) member: &'static str,
    pub(super) members_changed: &'static str,
    pub(super) messages_before: &'static str,
    pub(super) messages_after: &'static str,
    pub(super) messages_changed: &'static str,
    pub(super) message: &'static str,
    pub(super) reactions: &'static str,
    pub(super) mentions_of: &'static str,
    pub(super) reads_of: &'static str,
    pub(super) reads_page: &'static str,
    pub(super) users: &'static str,
    pub(super) friends: &'static str,
    pub(super) blocks: &'static str,
    pub(super) circle: &'static str,
    pub(super) visibility: &'static str,
}

/// The columns of a `RoomView` for the viewer `$1`, from `rooms r` and `room_heads h`. Member counts are counted, on an index of
/// those who are present.
macro_rules! room_columns {
    () => {
        "r.room_id, r.kind, r.status, r.name, r.topic, r.created_by, r.created_at, r.version AS details_version, \
         h.version AS head_version, h.last_number, h.last_activity_at, \
         (SELECT count(*) FROM members c WHERE c.room_id = r.room_id AND c.role IS NOT NULL) AS member_count, \
         (SELECT v.role FROM members v WHERE v.room_id = r.room_id AND v.user_id = $1) AS viewer_role, \
         coalesce((SELECT p.number FROM reads p WHERE p.room_id = r.room_id AND p.user_id = $1), 0) AS viewer_read, \
         coalesce((SELECT u.muted FROM mutes u WHERE u.user_id = $1 AND u.room_id = r.room_id), FALSE) AS viewer_muted"
    };
}

/// The columns of a `MessageView` for the viewer `$1`, from `messages m`.
macro_rules! message_columns {
    ($reactions:literal) => {
        concat!(
            "m.room_id, m.number, m.author, m.sent_at, m.reply_to, m.text, m.mentions, m.edited_at, m.deleted_at, \
             m.version AS message_version, ",
            reactions_column!($reactions),
            " AS reactions"
        )
    };
}

macro_rules! reactions_column {
    ($reactions:literal) => {
        concat!(
            "CASE WHEN m.deleted_at IS NULL THEN (SELECT ",
            $reactions,
            " FROM (SELECT e.emoji, count(*) AS total, sum(CASE WHEN e.user_id = $1 THEN 1 ELSE 0 END) AS mine \
             FROM reactions e WHERE e.room_id = m.room_id AND e.number = m.number AND e.present GROUP BY e.emoji) g) END"
        )
    };
}

/// The columns of a `RelationView`, and where they come from. The read model may know a relation before it knows the person.
macro_rules! relation_columns {
    () => {
        "SELECT l.other_id AS user_id, l.friendship, l.changed_at, coalesce(u.user_name, l.other_id) AS user_name, \
         coalesce(u.status_text, '') AS status_text, coalesce(u.registered_at, 0) AS registered_at, \
         d.user_id IS NOT NULL AS deactivated, coalesce(v.presence_hidden, FALSE) AS presence_hidden \
         FROM relations l LEFT JOIN users u ON u.user_id = l.other_id LEFT JOIN deactivations d ON d.user_id = l.other_id \
         LEFT JOIN visibilities v ON v.user_id = l.other_id"
    };
}

/// `$reactions` gathers the rows `(emoji, total, mine)` into one JSON text, or null where there are none; `$listed` is the rows
/// of a JSON array of texts in `$1`.
macro_rules! statements {
    (reactions: $reactions:literal, listed: $listed:literal) => {
        Statements {
            checkpoint: "SELECT topic, partition, next_offset, epoch, sequence FROM checkpoints \
                 WHERE topic = $1 AND partition = $2",
            checkpoints: "SELECT topic, partition, next_offset, epoch, sequence FROM checkpoints ORDER BY topic, partition",
            room: concat!(
                "SELECT ",
                room_columns!(),
                " FROM rooms r JOIN room_heads h ON h.room_id = r.room_id WHERE r.room_id = $2"
            ),
            // The page is found and cut on narrow rows first, so that ten thousand rooms cost ten thousand look-ups and no more.
            rooms_of: concat!(
                "WITH page AS (SELECT y.room_id FROM memberships y \
                 JOIN room_heads k ON k.room_id = y.room_id JOIN rooms x ON x.room_id = y.room_id \
                 WHERE y.user_id = $1 AND y.role IS NOT NULL AND (k.last_activity_at, k.room_id) < ($2, $3) \
                 ORDER BY k.last_activity_at DESC, k.room_id DESC LIMIT $4) SELECT ",
                room_columns!(),
                ", m.number, m.author, m.sent_at, m.reply_to, m.text, m.mentions, m.edited_at, m.deleted_at, \
                 m.version AS message_version, ",
                reactions_column!($reactions),
                " AS reactions, \
                 (SELECT count(*) FROM (SELECT 1 FROM mentions q \
                  JOIN messages x ON x.room_id = q.room_id AND x.number = q.number \
                  WHERE q.user_id = $1 AND q.room_id = r.room_id AND q.present AND x.deleted_at IS NULL AND q.number > \
                  coalesce((SELECT z.number FROM reads z WHERE z.room_id = r.room_id AND z.user_id = $1), 0) \
                  LIMIT $5) w) AS unread_mentions, \
                 CASE WHEN r.kind = 'direct' THEN (SELECT o.user_id FROM members o \
                  WHERE o.room_id = r.room_id AND o.user_id <> $1 ORDER BY o.user_id LIMIT 1) END AS direct_with \
                 FROM page JOIN rooms r ON r.room_id = page.room_id JOIN room_heads h ON h.room_id = page.room_id \
                 LEFT JOIN messages m ON m.room_id = h.room_id AND m.number = h.last_number \
                 ORDER BY h.last_activity_at DESC, r.room_id DESC"
            ),
            rooms_in: "SELECT y.room_id FROM memberships y JOIN room_heads k ON k.room_id = y.room_id \
                 WHERE y.user_id = $1 AND y.role IS NOT NULL ORDER BY k.last_activity_at DESC, k.room_id DESC LIMIT $2",
            public_rooms: concat!(
                "SELECT ",
                room_columns!(),
                " FROM rooms r JOIN room_heads h ON h.room_id = r.room_id \
                 WHERE r.kind = 'public' AND r.status = 'open' AND r.name_folded >= $2 AND r.name_folded < $3 \
                 AND (r.name_folded, r.room_id) > ($4, $5) ORDER BY r.name_folded, r.room_id LIMIT $6"
            ),
            members: "SELECT c.user_id, c.role, c.joined_at, c.version, CASE WHEN d.user_id IS NULL THEN u.user_name END AS user_name \
                 FROM members c LEFT JOIN users u ON u.user_id = c.user_id LEFT JOIN deactivations d ON d.user_id = c.user_id \
                 WHERE c.room_id = $1 AND c.role IS NOT NULL AND c.user_id > $2 ORDER BY c.user_id LIMIT $3",
            member: "SELECT c.user_id, c.role, c.joined_at, c.version, CASE WHEN d.user_id IS NULL THEN u.user_name END AS user_name \
                 FROM members c LEFT JOIN users u ON u.user_id = c.user_id LEFT JOIN deactivations d ON d.user_id = c.user_id \
                 WHERE c.room_id = $1 AND c.role IS NOT NULL AND c.user_id = $2",
            members_changed: "SELECT c.user_id, c.role, c.joined_at, c.version, CASE WHEN d.user_id IS NULL THEN u.user_name END AS user_name \
                 FROM members c LEFT JOIN users u ON u.user_id = c.user_id LEFT JOIN deactivations d ON d.user_id = c.user_id \
                 WHERE c.room_id = $1 AND c.version > $2 ORDER BY c.version, c.user_id LIMIT $3",
            messages_before: concat!(
                "SELECT ",
                message_columns!($reactions),
                " FROM messages m WHERE m.room_id = $2 AND m.number < $3 ORDER BY m.number DESC LIMIT $4"
            ),
            messages_after: concat!(
                "SELECT ",
                message_columns!($reactions),
                " FROM messages m WHERE m.room_id = $2 AND m.number > $3 ORDER BY m.number LIMIT $4"
            ),
            messages_changed: concat!(
                "SELECT ",
                message_columns!($reactions),
                " FROM messages m WHERE m.room_id = $2 AND m.version > $3 ORDER BY m.version LIMIT $4"
            ),
            message: concat!("SELECT ", message_columns!($reactions), " FROM messages m WHERE m.room_id = $2 AND m.number = $3"),
            reactions: "SELECT e.emoji, e.user_id FROM reactions e \
                 JOIN messages m ON m.room_id = e.room_id AND m.number = e.number \
                 WHERE e.room_id = $1 AND e.number = $2 AND e.present AND m.deleted_at IS NULL \
                 ORDER BY e.emoji, e.user_id LIMIT $3",
            mentions_of: concat!(
                "SELECT ",
                message_columns!($reactions),
                ", r.name FROM mentions q JOIN messages m ON m.room_id = q.room_id AND m.number = q.number \
                 JOIN memberships y ON y.user_id = q.user_id AND y.room_id = q.room_id JOIN rooms r ON r.room_id = q.room_id \
                 WHERE q.user_id = $1 AND q.present AND y.role IS NOT NULL AND m.deleted_at IS NULL \
                 AND (q.sent_at, q.room_id, q.number) < ($2, $3, $4) \
                 ORDER BY q.sent_at DESC, q.room_id DESC, q.number DESC LIMIT $5"
            ),
            reads_of: "SELECT p.user_id, p.number FROM reads p \
                 JOIN members c ON c.room_id = p.room_id AND c.user_id = p.user_id \
                 WHERE p.room_id = $1 AND c.role IS NOT NULL ORDER BY p.user_id LIMIT $2",
            reads_page: "SELECT p.room_id, p.user_id, p.number FROM reads p WHERE (p.room_id, p.user_id) > ($1, $2) \
                 ORDER BY p.room_id, p.user_id LIMIT $3",
            users: concat!(
                "SELECT u.user_id, u.user_name, u.status_text, u.registered_at, d.user_id IS NOT NULL AS deactivated \
                 FROM users u LEFT JOIN deactivations d ON d.user_id = u.user_id WHERE u.user_id IN ",
                $listed,
                " ORDER BY u.user_id"
            ),
            friends: concat!(
                relation_columns!(),
                " WHERE l.user_id = $1 AND l.other_id > $2 AND l.friendship <> 'none' AND ($3 = '' OR l.friendship = $3) \
                 AND d.user_id IS NULL ORDER BY l.other_id LIMIT $4"
            ),
            blocks: concat!(
                relation_columns!(),
                " WHERE l.user_id = $1 AND l.other_id > $2 AND l.blocks ORDER BY l.other_id LIMIT $3"
            ),
            // A row of friends has no block on either side: the projection sees to that, and this does not rely on it.
            circle: "SELECT l.other_id FROM relations l WHERE l.user_id = $1 AND l.friendship = 'friends' \
                 AND NOT l.blocks AND NOT l.blocked ORDER BY l.other_id LIMIT $2",
            visibility: "SELECT v.presence_hidden FROM visibilities v WHERE v.user_id = $1",
        }
    };
}

/// For SQLite.
pub(super) const SQLITE: Statements = statements!(
    reactions: "json_group_array(json_array(g.emoji, g.total, g.mine))",
    listed: "(SELECT value FROM json_each($1))"
);

/// For Postgres.
pub(super) const POSTGRES: Statements = statements!(
    reactions: "json_agg(json_build_array(g.emoji, g.total, g.mine))::text",
    listed: "(SELECT json_array_elements_text($1::json))"
);
