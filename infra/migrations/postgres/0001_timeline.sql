-- The timeline read model, made in the schema that leads the search path. Keys lead with room_id or user_id, so that tables shard;
-- times are milliseconds since 1970. Every row carries the stream version that made it. Ids and folded names compare by bytes
-- (COLLATE "C"), as Rust and SQLite do, so that a page key means the same everywhere.

CREATE TABLE checkpoints (
    topic       text NOT NULL,
    partition   bigint NOT NULL,
    next_offset bigint NOT NULL,
    epoch       bigint NOT NULL,
    sequence    bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);

CREATE TABLE users (
    user_id       text COLLATE "C" NOT NULL PRIMARY KEY,
    user_name     text NOT NULL,
    status_text   text NOT NULL,
    registered_at bigint NOT NULL,
    version       bigint NOT NULL
);

CREATE TABLE deactivations (
    user_id        text COLLATE "C" NOT NULL PRIMARY KEY,
    deactivated_at bigint NOT NULL,
    version        bigint NOT NULL
);

CREATE TABLE rooms (
    room_id     uuid    NOT NULL PRIMARY KEY,
    kind        text NOT NULL,
    status      text NOT NULL,
    name        text,
    name_folded text COLLATE "C",
    topic       text NOT NULL,
    created_by  text NOT NULL,
    created_at  bigint NOT NULL,
    version     bigint NOT NULL
);
CREATE INDEX rooms_directory ON rooms (name_folded, room_id) WHERE kind = 'public' AND status = 'open';

CREATE TABLE room_heads (
    room_id          uuid    NOT NULL PRIMARY KEY,
    version          bigint NOT NULL,
    last_number      bigint NOT NULL,
    last_activity_at bigint NOT NULL
);

CREATE TABLE members (
    room_id   uuid    NOT NULL,
    user_id   text COLLATE "C" NOT NULL,
    role      text,
    joined_at bigint,
    version   bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
CREATE INDEX members_present ON members (room_id, user_id) WHERE role IS NOT NULL;
CREATE INDEX members_changed ON members (room_id, version);

-- The same memberships, for a person's own list.
CREATE TABLE memberships (
    user_id text COLLATE "C" NOT NULL,
    room_id uuid    NOT NULL,
    role    text,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, room_id)
);

CREATE TABLE messages (
    room_id    uuid    NOT NULL,
    number     bigint NOT NULL,
    author     text NOT NULL,
    sent_at    bigint NOT NULL,
    reply_to   bigint,
    text       text,
    mentions   text,
    edited_at  bigint,
    deleted_at bigint,
    version    bigint NOT NULL,
    PRIMARY KEY (room_id, number)
);
CREATE INDEX messages_changed ON messages (room_id, version);

CREATE TABLE mentions (
    user_id text COLLATE "C" NOT NULL,
    room_id uuid    NOT NULL,
    number  bigint NOT NULL,
    sent_at bigint NOT NULL,
    present boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, room_id, number)
);
CREATE INDEX mentions_latest ON mentions (user_id, sent_at, room_id, number);

CREATE TABLE reactions (
    room_id uuid    NOT NULL,
    number  bigint NOT NULL,
    emoji   text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    present boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (room_id, number, emoji, user_id)
);

CREATE TABLE mutes (
    user_id text COLLATE "C" NOT NULL,
    room_id uuid    NOT NULL,
    muted   boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (user_id, room_id)
);

CREATE TABLE reads (
    room_id uuid    NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    number  bigint NOT NULL,
    PRIMARY KEY (room_id, user_id)
);
