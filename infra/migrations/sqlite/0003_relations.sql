-- How two people stand to each other, once for each of them, so that a person's own lists lead with user_id. Every event between two
-- people says all of it, so that a row is whole and nothing is kept from the one before.
CREATE TABLE relations (
    user_id    TEXT NOT NULL,
    other_id   TEXT NOT NULL,
    friendship TEXT NOT NULL,
    blocks     INTEGER NOT NULL,
    blocked    INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    PRIMARY KEY (user_id, other_id)
) STRICT, WITHOUT ROWID;

-- Who has switched presence off.
CREATE TABLE visibilities (
    user_id         TEXT NOT NULL PRIMARY KEY,
    presence_hidden INTEGER NOT NULL,
    version         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
