-- Who may sign in. A file of auth-api alone; nothing else reads it. Times are milliseconds since 1970.

CREATE TABLE accounts (
    user_id    TEXT NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    -- Argon2id, PHC form; NULL once the person has left.
    password   TEXT,
    email      TEXT,
    -- Words separated by blanks.
    roles      TEXT   NOT NULL,
    saga_id    BLOB   NOT NULL,
    -- Of the command that registers the person: only its event activates the account.
    command_id BLOB   NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX accounts_by_saga ON accounts (saga_id);

-- How a registration stands, for whoever asked for it. Kept for a day after its end.
CREATE TABLE registrations (
    saga_id    BLOB   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    -- Of what was asked for, without the password.
    request    BLOB  NOT NULL,
    state      TEXT   NOT NULL,
    reason     TEXT,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    session_id BLOB   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);

-- The tokens of a session are its family: each is good once, and the use of an old one ends them all.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, which is 256 random bits: nothing slower is needed.
    digest     BLOB  NOT NULL PRIMARY KEY,
    session_id BLOB   NOT NULL,
    issued_at  INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    key_id     TEXT   NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    -- The private key, sealed with the key of auth.sealing_key_file.
    sealed     BLOB  NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
-- However many nodes rotate at once, there is one that signs and one that comes next.
CREATE UNIQUE INDEX signing_keys_one_each ON signing_keys (state) WHERE state IN ('next', 'current');

CREATE TABLE backoff (
    subject       TEXT   NOT NULL PRIMARY KEY,
    failures      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    blocked_until INTEGER NOT NULL
) STRICT;
CREATE INDEX backoff_by_age ON backoff (last_at);

CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    event      TEXT   NOT NULL,
    user_id    TEXT,
    actor      TEXT,
    session_id BLOB,
    address    TEXT,
    detail     TEXT
) STRICT;
CREATE INDEX audit_of_user ON audit (user_id, id);

-- What is to be said in the log, in the transaction that makes it true; taken away once it is there.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    topic        TEXT   NOT NULL,
    record_key   TEXT   NOT NULL,
    headers      TEXT   NOT NULL,
    value        BLOB  NOT NULL,
    created_at   INTEGER NOT NULL,
    leased_until INTEGER NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    topic       TEXT   NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT;
