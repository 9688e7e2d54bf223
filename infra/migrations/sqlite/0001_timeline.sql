-- The timeline read model. Keys lead with room_id or user_id; times are milliseconds since 1970; a room id is its 16 bytes.
-- Every row carries the stream version that made it. WITHOUT ROWID keeps a room's messages side by side, so that a page of
-- history is one stretch of one tree.

CREATE TABLE checkpoints (
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    user_id       TEXT    NOT NULL PRIMARY KEY,
    user_name     TEXT    NOT NULL,
    status_text   TEXT    NOT NULL,
    registered_at INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE deactivations (
    user_id        TEXT    NOT NULL PRIMARY KEY,
    deactivated_at INTEGER NOT NULL,
    version        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    room_id     BLOB    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    name        TEXT,
    name_folded TEXT,
    topic       TEXT    NOT NULL,
    created_by  TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    version     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX rooms_directory ON rooms (name_folded, room_id) WHERE kind = 'public' AND status = 'open';

CREATE TABLE room_heads (
    room_id          BLOB    NOT NULL PRIMARY KEY,
    version          INTEGER NOT NULL,
    last_number      INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE members (
    room_id   BLOB    NOT NULL,
    user_id   TEXT    NOT NULL,
    role      TEXT,
    joined_at INTEGER,
    version   INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_present ON members (room_id, user_id) WHERE role IS NOT NULL;
CREATE INDEX members_changed ON members (room_id, version);

-- The same memberships, for a person's own list.
CREATE TABLE memberships (
    user_id TEXT    NOT NULL,
    room_id BLOB    NOT NULL,
    role    TEXT,
    version INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
    room_id    BLOB    NOT NULL,
    number     INTEGER NOT NULL,
    author     TEXT    NOT NULL,
    sent_at    INTEGER NOT NULL,
    reply_to   INTEGER,
    text       TEXT,
    mentions   TEXT,
    edited_at  INTEGER,
    deleted_at INTEGER,
    version    INTEGER NOT NULL,
    PRIMARY KEY (room_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX messages_changed ON messages (room_id, version);

CREATE TABLE mentions (
    user_id TEXT    NOT NULL,
    room_id BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    sent_at INTEGER NOT NULL,
    present INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX mentions_latest ON mentions (user_id, sent_at, room_id, number);

CREATE TABLE reactions (
    room_id BLOB    NOT NULL,
    number  INTEGER NOT NULL,
    emoji   TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    present INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (room_id, number, emoji, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE mutes (
    user_id TEXT    NOT NULL,
    room_id BLOB    NOT NULL,
    muted   INTEGER NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE reads (
    room_id BLOB    NOT NULL,
    user_id TEXT    NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
