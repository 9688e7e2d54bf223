-- How two people stand to each other, once for each of them, so that a person's own lists lead with user_id. Every event between two
-- people says all of it, so that a row is whole and nothing is kept from the one before.
CREATE TABLE relations (
    user_id    text COLLATE "C" NOT NULL,
    other_id   text COLLATE "C" NOT NULL,
    friendship text NOT NULL,
    blocks     boolean NOT NULL,
    blocked    boolean NOT NULL,
    changed_at bigint NOT NULL,
    version    bigint NOT NULL,
    PRIMARY KEY (user_id, other_id)
);

-- Who has switched presence off.
CREATE TABLE visibilities (
    user_id         text COLLATE "C" NOT NULL PRIMARY KEY,
    presence_hidden boolean NOT NULL,
    version         bigint NOT NULL
);
