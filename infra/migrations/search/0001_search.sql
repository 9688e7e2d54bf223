-- The search index in one file. Times are milliseconds since 1970; a room id is its 16 bytes, and stands once.
-- A message carries the sequence of the event that made it (`version`) and never goes back to a lower one.

CREATE TABLE checkpoints (
    topic       TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    id      INTEGER PRIMARY KEY,
    room_id BLOB NOT NULL UNIQUE
) STRICT;

-- A deleted message keeps its row, without text and words. `words` is a JSON array: what the rows in `words` are taken back by.
CREATE TABLE messages (
    id        INTEGER PRIMARY KEY,
    room      INTEGER NOT NULL REFERENCES rooms (id),
    number    INTEGER NOT NULL,
    author    TEXT    NOT NULL,
    sent_at   INTEGER NOT NULL,
    text      TEXT,
    edited_at INTEGER,
    words     TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    UNIQUE (room, number)
) STRICT;
CREATE INDEX messages_by_time ON messages (sent_at, room, number, author);
CREATE INDEX messages_by_room ON messages (room, sent_at, number);
CREATE INDEX messages_by_author ON messages (author, sent_at, room, number);

-- What is searched. Both columns are words of our own making with spaces between, so that every other character belongs to a word.
CREATE VIRTUAL TABLE texts USING fts5 (
    terms, grams,
    content = '', contentless_delete = 1,
    tokenize = "unicode61 remove_diacritics 0 categories 'L* M* N* P* S* C*'"
);

-- What word statistics count: each message once a word.
CREATE TABLE words (
    word    TEXT    NOT NULL,
    sent_at INTEGER NOT NULL,
    room    INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (word, sent_at, room, message)
) STRICT, WITHOUT ROWID;

CREATE TABLE people (
    user_id       TEXT    NOT NULL PRIMARY KEY,
    registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX people_by_time ON people (registered_at);
