//! What other people do to a database that one shares with them: they take all connections, or lock the tables.

use std::str::FromStr as _;

use anyhow::Result;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};

/// How often the services' connections are ended, and what becomes free is taken.
const ROUNDS: usize = 3;

const OURS: &str = "somebody-else";

/// Connections that somebody holds. Dropping it ends them.
pub struct Hold {
    _connections: Vec<PgConnection>,
}

/// Takes every connection that the server has, also those of the services, as far as they do not get them back first.
///
/// # Errors
/// When not even one is free.
pub async fn take_all(url: &str) -> Result<Hold> {
    // Told apart from those of the services by name.
    let options = PgConnectOptions::from_str(url)?.application_name(OURS);
    let mut connections = vec![PgConnection::connect_with(&options).await?];
    for _ in 0..ROUNDS {
        while let Ok(more) = PgConnection::connect_with(&options).await {
            connections.push(more);
        }
        if let Some(first) = connections.first_mut() {
            let end = "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and application_name <> $1";
            sqlx::query(end).bind(OURS).execute(first).await?;
        }
    }
    Ok(Hold { _connections: connections })
}

/// Locks every table of a schema against readers and writers.
///
/// # Errors
/// When the database refuses.
pub async fn lock_all(url: &str, schema: &str) -> Result<Hold> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = sqlx::query("select tablename::text from pg_tables where schemaname = $1").bind(schema);
    let names: Vec<String> = tables.fetch_all(&mut connection).await?.iter().map(|row| row.get(0)).collect();
    connection.execute("begin").await?;
    for name in names {
        // Both names come from the database itself and from us.
        let lock = format!("lock table {schema}.{name} in access exclusive mode");
        connection.execute(AssertSqlSafe(lock)).await?;
    }
    Ok(Hold { _connections: vec![connection] })
}
