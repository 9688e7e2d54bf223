//! The state of sagas on SQLite and on Postgres: the contract, and what only one of them can do.

use std::sync::Arc;

use async_trait::async_trait;
use infra::saga_state::{SagaState, connect, open};

use crate::saga_state_contract::Adapter;

mod on_sqlite {
    use super::*;

    struct Sqlite {
        folder: tempfile::TempDir,
    }

    #[async_trait]
    impl Adapter for Sqlite {
        async fn fresh() -> Option<Self> {
            Some(Self { folder: tempfile::tempdir().unwrap() })
        }
        async fn open(&self) -> Arc<dyn SagaState> {
            open(&self.folder.path().join("sagas.sqlite")).await.unwrap()
        }
        async fn remove(self) {}
    }

    crate::saga_state_contract::contract!(Sqlite);
}

mod on_postgres {
    use infra::saga_state::Fault;

    use super::*;
    use crate::schema::Schema;

    struct Postgres(Schema);

    #[async_trait]
    impl Adapter for Postgres {
        async fn fresh() -> Option<Self> {
            Schema::fresh().map(Self)
        }
        async fn open(&self) -> Arc<dyn SagaState> {
            connect(&self.0.url, &self.0.name, 8).await.unwrap()
        }
        async fn remove(self) {
            self.0.remove().await;
        }
    }

    crate::saga_state_contract::contract!(Postgres);

    #[tokio::test]
    async fn what_is_no_schema_name_or_url_is_refused_and_an_unreachable_server_is_tried_again() {
        for (url, schema) in [("postgres://127.0.0.1:1/none", "a\"; DROP SCHEMA public; --"), ("no url", "proper")] {
            let refused = connect(url, schema, 2).await.map(|_| ());
            assert!(matches!(refused, Err(Fault::Rejected(_))), "{schema}: {refused:?}");
        }
        let unreachable = connect("postgres://nobody@127.0.0.1:1/none", "sagas", 2).await.map(|_| ());
        assert!(matches!(unreachable, Err(Fault::Unavailable(_))), "{unreachable:?}");
    }
}
