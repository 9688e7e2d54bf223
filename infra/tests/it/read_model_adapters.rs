//! The timeline on SQLite and on Postgres: the contract, and what only one of them can do.

use std::sync::Arc;

use async_trait::async_trait;
use infra::read_model::generations::Generations;
use infra::read_model::{TABLES, Timeline, postgres, sqlite};

use crate::read_model_contract::Adapter;

mod on_sqlite {
    use sqlx::AssertSqlSafe;
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

    use super::*;

    struct Sqlite {
        folder: tempfile::TempDir,
    }

    impl Sqlite {
        fn file(&self) -> std::path::PathBuf {
            self.folder.path().join("timeline.db")
        }
    }

    #[async_trait]
    impl Adapter for Sqlite {
        async fn fresh() -> Option<Self> {
            Some(Self { folder: tempfile::tempdir().unwrap() })
        }

        async fn open(&self) -> Arc<dyn Timeline> {
            sqlite::open(&self.file()).await.unwrap()
        }

        async fn generations(&self) -> Arc<dyn Generations> {
            sqlite::generations(&self.file()).await.unwrap()
        }

        async fn dump(&self) -> String {
            let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(self.file())).await.unwrap();
            let mut dump = String::new();
            for table in TABLES.map(|table| table.name) {
                let columns: Vec<String> =
                    sqlx::query_scalar("SELECT name FROM pragma_table_info($1)").bind(table).fetch_all(&pool).await.unwrap();
                let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
                let select = format!("SELECT '{table} ' || {} AS line FROM {table} ORDER BY line", quoted.join(" || ' ' || "));
                let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&pool).await.unwrap();
                dump.extend(lines.into_iter().map(|line| line + "\n"));
            }
            pool.close().await;
            dump
        }

        async fn remove(self) {}
    }

    crate::read_model_contract::contract!(Sqlite);

    #[tokio::test]
    async fn the_file_lets_readers_in_beside_the_writer() {
        let adapter = Sqlite::fresh().await.unwrap();
        drop(adapter.open().await);
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(adapter.file())).await.unwrap();
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&pool).await.unwrap();
        assert_eq!(mode, "wal");
    }
}

mod on_postgres {
    use infra::read_model::Fault;
    use infra::read_model::generations::{Control, Generation};
    use sqlx::AssertSqlSafe;
    use uuid::Uuid;

    use super::*;
    use crate::schema::Schema;

    struct Postgres(Schema);

    #[async_trait]
    impl Adapter for Postgres {
        async fn fresh() -> Option<Self> {
            Schema::fresh().map(Self)
        }

        async fn open(&self) -> Arc<dyn Timeline> {
            postgres::connect(&self.0.url, &self.0.name, 4).await.unwrap()
        }

        async fn generations(&self) -> Arc<dyn Generations> {
            postgres::generations(&self.0.url, &self.0.name, 4).await.unwrap()
        }

        async fn dump(&self) -> String {
            let mut connection = self.0.connection().await;
            let mut dump = String::new();
            for table in TABLES.map(|table| table.name) {
                let select =
                    format!("SELECT '{table} ' || row_to_json(t)::text AS line FROM {}.{table} t ORDER BY line", self.0.name);
                let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_all(&mut connection).await.unwrap();
                dump.extend(lines.into_iter().map(|line| line + "\n"));
            }
            dump
        }

        async fn remove(self) {
            for schema in [&*self.0.name, &format!("{}_control", self.0.name)] {
                let drop = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
                sqlx::query(AssertSqlSafe(drop)).execute(&mut self.0.connection().await).await.unwrap();
            }
        }
    }

    crate::read_model_contract::contract!(Postgres);

    #[tokio::test]
    async fn what_is_no_schema_name_is_refused() {
        for schema in ["", "Upper", "1st", "a\"; DROP SCHEMA public; --", "사랑", &"x".repeat(64)] {
            let refused = postgres::connect("postgres://127.0.0.1:1/none", schema, 2).await.map(|_| ());
            assert!(matches!(refused, Err(Fault::Rejected(_))), "{schema}: {refused:?}");
        }
        let refused = postgres::connect("no url", "proper", 2).await.map(|_| ());
        assert!(matches!(refused, Err(Fault::Rejected(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn what_is_inspected_is_the_live_generation() {
        let Some(adapter) = Postgres::fresh().await else { return };
        let inspected = async || postgres::inspect(&adapter.0.url, &adapter.0.name).await.unwrap();
        assert_eq!((inspected().await.schema, inspected().await.schema_exists), (adapter.0.name.clone(), false));
        let generations = adapter.generations().await;
        let second = Generation::FIRST.next();
        drop(generations.open(second).await.unwrap());
        let stated = generations.control().await.unwrap();
        let next = Control { live: second, last: second, ..stated.control };
        assert!(generations.decide(stated.revision, &next).await.unwrap());
        let found = inspected().await;
        assert_eq!((found.schema, found.schema_exists), (format!("{}_g2", adapter.0.name), true));
        assert_eq!(found.migrations_run, found.migrations_known);
        generations.remove(second).await.unwrap();
        adapter.remove().await;
    }

    #[tokio::test]
    async fn an_unreachable_server_is_a_matter_of_trying_again() {
        let schema = format!("s{}", Uuid::nil().simple());
        let refused = postgres::connect("postgres://nobody@127.0.0.1:1/none", &schema, 2).await.map(|_| ());
        assert!(matches!(refused, Err(Fault::Unavailable(_))), "{refused:?}");
    }
}
