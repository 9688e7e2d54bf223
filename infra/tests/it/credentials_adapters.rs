//! The credentials on SQLite and on Postgres: the contract, and what only one of them can do.

use std::sync::Arc;

use async_trait::async_trait;
use infra::credentials::{Credentials, postgres, sqlite};

use crate::credentials_contract::Adapter;

mod on_sqlite {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Sqlite {
        folder: tempfile::TempDir,
    }

    #[async_trait]
    impl Adapter for Sqlite {
        async fn fresh() -> Option<Self> {
            Some(Self { folder: tempfile::tempdir().unwrap() })
        }
        async fn open(&self) -> Arc<dyn Credentials> {
            sqlite::open(&self.folder.path().join("auth.db")).await.unwrap()
        }
        async fn remove(self) {}
    }

    crate::credentials_contract::contract!(Sqlite);

    #[tokio::test]
    async fn nobody_else_may_read_the_file() {
        let adapter = Sqlite::fresh().await.unwrap();
        let _open = adapter.open().await;
        for file in std::fs::read_dir(adapter.folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
        }
    }
}

mod on_postgres {
    use infra::credentials::Fault;

    use super::*;
    use crate::schema::Schema;

    struct Postgres(Schema);

    #[async_trait]
    impl Adapter for Postgres {
        async fn fresh() -> Option<Self> {
            Schema::fresh().map(Self)
        }
        async fn open(&self) -> Arc<dyn Credentials> {
            postgres::connect(&self.0.url, &self.0.name, 8).await.unwrap()
        }
        async fn remove(self) {
            self.0.remove().await;
        }
    }

    crate::credentials_contract::contract!(Postgres);

    #[tokio::test]
    async fn what_is_no_schema_name_or_url_is_refused_and_an_unreachable_server_is_tried_again() {
        for (url, schema) in [("postgres://127.0.0.1:1/none", "a\"; DROP SCHEMA public; --"), ("no url", "proper")] {
            let refused = postgres::connect(url, schema, 2).await.map(|_| ());
            assert!(matches!(refused, Err(Fault::Rejected(_))), "{schema}: {refused:?}");
        }
        let unreachable = postgres::connect("postgres://nobody@127.0.0.1:1/none", "auth", 2).await.map(|_| ());
        assert!(matches!(unreachable, Err(Fault::Unavailable(_))), "{unreachable:?}");
    }
}
