//! Schemas that are embedded in the program. A migration that was released is never edited: a new one follows it.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Version, name and text of each migration, in order.
pub(crate) type Scripts = &'static [(i64, &'static str, &'static str)];

/// What brings a schema up to date with `scripts`. In Postgres it runs under an advisory lock, so that nodes may start together.
pub(crate) fn migrator(scripts: Scripts) -> Migrator {
    let migration = |(version, name, sql): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(scripts.iter().map(migration).collect())
}
