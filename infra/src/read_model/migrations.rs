//! The schemas of both databases, embedded in the program. A migration that was released is never edited: a new one follows it.

use sqlx::migrate::Migrator;

use crate::database::migrations::{Scripts, migrator};

const SQLITE: Scripts = &[
    (1, "timeline", include_str!("../../migrations/sqlite/0001_timeline.sql")),
    (2, "sending reads", include_str!("../../migrations/sqlite/0002_sending_reads.sql")),
    (3, "relations", include_str!("../../migrations/sqlite/0003_relations.sql")),
];
const POSTGRES: Scripts = &[
    (1, "timeline", include_str!("../../migrations/postgres/0001_timeline.sql")),
    (2, "sending reads", include_str!("../../migrations/postgres/0002_sending_reads.sql")),
    (3, "relations", include_str!("../../migrations/postgres/0003_relations.sql")),
];

/// The migrations of the SQLite file.
pub(super) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// The migrations of the Postgres schema.
pub(super) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

/// The first `count` migrations of the SQLite file: a file as an earlier version left it.
#[cfg(test)]
pub(super) fn sqlite_until(count: usize) -> Migrator {
    migrator(&SQLITE[..count])
}
