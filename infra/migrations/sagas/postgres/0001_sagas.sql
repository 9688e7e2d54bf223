-- The runs of sagas: what each remembers and what it does next.
CREATE TABLE sagas (
    saga_id       UUID   NOT NULL PRIMARY KEY,
    kind          TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    -- What the process manager remembers, JSON.
    process       TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    reason        TEXT,
    -- The message or event that it learnt from last.
    cause         UUID,
    traceparent   TEXT,
    begun_at      BIGINT NOT NULL,
    changed_at    BIGINT NOT NULL,
    -- The step under way, if there is one: its number, its name, since when, when it is tried (again), how often it was, how many of
    -- these attempts have an outcome that nobody knows, and what was wrong with the last one.
    step          BIGINT NOT NULL,
    step_name     TEXT,
    step_begun_at BIGINT NOT NULL,
    due_at        BIGINT,
    leased_until  BIGINT NOT NULL,
    attempts      BIGINT NOT NULL,
    unresolved    BIGINT NOT NULL,
    problem       TEXT,
    -- Counts changes: nobody writes what somebody else has changed since they read it.
    revision      BIGINT NOT NULL
);
CREATE INDEX sagas_due ON sagas (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sagas_by_age ON sagas (begun_at, saga_id);
CREATE INDEX sagas_ended ON sagas (changed_at) WHERE state NOT IN ('running', 'resting');

-- The steps that are over.
CREATE TABLE saga_steps (
    saga_id    UUID   NOT NULL,
    number     BIGINT NOT NULL,
    name       TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    begun_at   BIGINT NOT NULL,
    ended_at   BIGINT NOT NULL,
    attempts   BIGINT NOT NULL,
    command_id UUID,
    cause      UUID,
    PRIMARY KEY (saga_id, number)
);

CREATE TABLE checkpoints (
    topic       TEXT   NOT NULL,
    partition   BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    epoch       BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    PRIMARY KEY (topic, partition)
);
