-- Who may sign in. A schema of auth-api alone; nothing else reads it. Times are milliseconds since 1970.

CREATE TABLE accounts (
    user_id    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    -- Argon2id, PHC form; NULL once the person has left.
    password   TEXT,
    email      TEXT,
    -- Words separated by blanks.
    roles      TEXT   NOT NULL,
    saga_id    UUID   NOT NULL,
    -- Of the command that registers the person: only its event activates the account.
    command_id UUID   NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX accounts_by_saga ON accounts (saga_id);

-- How a registration stands, for whoever asked for it. Kept for a day after its end.
CREATE TABLE registrations (
    saga_id    UUID   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    -- Of what was asked for, without the password.
    request    BYTEA  NOT NULL,
    state      TEXT   NOT NULL,
    reason     TEXT,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    session_id UUID   NOT NULL PRIMARY KEY,
    user_id    TEXT   NOT NULL,
    agent      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at);

-- The tokens of a session are its family: each is good once, and the use of an old one ends them all.
CREATE TABLE refresh_tokens (
    -- SHA-256 of the token, which is 256 random bits: nothing slower is needed.
    digest     BYTEA  NOT NULL PRIMARY KEY,
    session_id UUID   NOT NULL,
    issued_at  BIGINT NOT NULL,
    used_at    BIGINT
);
CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id);

CREATE TABLE signing_keys (
    key_id     TEXT   NOT NULL PRIMARY KEY,
    state      TEXT   NOT NULL,
    -- The private key, sealed with the key of auth.sealing_key_file.
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);
-- However many nodes rotate at once, there is one that signs and one that comes next.
CREATE UNIQUE INDEX signing_keys_one_each ON signing_keys (state) WHERE state IN ('next', 'current');

CREATE TABLE backoff (
    subject       TEXT   NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    last_at       BIGINT NOT NULL,
    blocked_until BIGINT NOT NULL
);
CREATE INDEX backoff_by_age ON backoff (last_at);

CREATE TABLE audit (
    id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT NOT NULL,
    event      TEXT   NOT NULL,
    user_id    TEXT,
    actor      TEXT,
    session_id UUID,
    address    TEXT,
    detail     TEXT
);
CREATE INDEX audit_of_user ON audit (user_id, id);

-- What is to be said in the log, in the transaction that makes it true; taken away once it is there.
CREATE TABLE outbox (
    id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        TEXT   NOT NULL,
    record_key   TEXT   NOT NULL,
    headers      TEXT   NOT NULL,
    value        BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    leased_until BIGINT NOT NULL
);

CREATE TABLE checkpoints (
    topic       TEXT   NOT NULL,
    partition   BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);
