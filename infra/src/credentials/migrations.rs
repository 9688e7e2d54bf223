//! The schemas of both databases, embedded in the program. A migration that was released is never edited: a new one follows it.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and text of each migration, in order.
type Scripts = &'static [(i64, &'static str, &'static str)];

const SQLITE: Scripts = &[
    (1, "accounts", include_str!("../../migrations/auth/sqlite/0001_accounts.sql")),
    (2, "families", include_str!("../../migrations/auth/sqlite/0002_families.sql")),
];
const POSTGRES: Scripts = &[
    (1, "accounts", include_str!("../../migrations/auth/postgres/0001_accounts.sql")),
    (2, "families", include_str!("../../migrations/auth/postgres/0002_families.sql")),
];

/// The migrations of the SQLite file.
pub(super) fn sqlite() -> Migrator {
    migrator(SQLITE)
}

/// The migrations of the Postgres schema. Runs under an advisory lock, so that nodes may start together.
pub(super) fn postgres() -> Migrator {
    migrator(POSTGRES)
}

fn migrator(scripts: Scripts) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(scripts.iter().map(migration).collect())
}
