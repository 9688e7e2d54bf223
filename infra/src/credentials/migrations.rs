//! The schemas of both databases, embedded in the program. A migration that was released is never edited: a new one follows it.

use crate::database::migrations::Scripts;

/// Those of the SQLite file.
pub(super) const SQLITE: Scripts = &[
    (1, "accounts", include_str!("../../migrations/auth/sqlite/0001_accounts.sql")),
    (2, "families", include_str!("../../migrations/auth/sqlite/0002_families.sql")),
];
/// Those of the Postgres schema.
pub(super) const POSTGRES: Scripts = &[
    (1, "accounts", include_str!("../../migrations/auth/postgres/0001_accounts.sql")),
    (2, "families", include_str!("../../migrations/auth/postgres/0002_families.sql")),
];
