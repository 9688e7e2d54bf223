-- The runs of sagas: what each remembers and what it does next.
CREATE TABLE sagas (
    saga_id       BLOB   NOT NULL PRIMARY KEY,
    kind          TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    -- What the process manager remembers, JSON.
    process       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    -- The message or event that it learnt from last.
    cause         BLOB,
    traceparent   TEXT,
    begun_at      INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    -- The step under way, if there is one: its number, its name, since when, when it is tried (again), how often it was, how many of
    -- these attempts have an outcome that nobody knows, and what was wrong with the last one.
    step          INTEGER NOT NULL,
    step_name     TEXT,
    step_begun_at INTEGER NOT NULL,
    due_at        INTEGER,
    leased_until  INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    unresolved    INTEGER NOT NULL,
    problem       TEXT,
    -- Counts changes: nobody writes what somebody else has changed since they read it.
    revision      INTEGER NOT NULL
) STRICT;
CREATE INDEX sagas_due ON sagas (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sagas_by_age ON sagas (begun_at, saga_id);
CREATE INDEX sagas_ended ON sagas (changed_at) WHERE state NOT IN ('running', 'resting');

-- The steps that are over.
CREATE TABLE saga_steps (
    saga_id    BLOB   NOT NULL,
    number     INTEGER NOT NULL,
    name       TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    begun_at   INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    command_id BLOB,
    cause      BLOB,
    PRIMARY KEY (saga_id, number)
) STRICT;

CREATE TABLE checkpoints (
    topic       TEXT   NOT NULL,
    partition   INTEGER NOT NULL,
    next_offset INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) STRICT;
