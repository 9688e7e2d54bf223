//! The index in each of its adapters: the contract, and what only one of them can do.

use std::sync::Arc;

use async_trait::async_trait;
use infra::search::Search;

use crate::search_contract::Adapter;

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

        async fn open(&self) -> Arc<dyn Search> {
            infra::search::sqlite::open(&self.folder.path().join("search.sqlite")).await.unwrap()
        }

        async fn remove(self) {}
    }

    crate::search_contract::contract!(Sqlite);

    #[tokio::test]
    async fn judged_queries() {
        let adapter = Sqlite::fresh().await.unwrap();
        crate::search_judged::judge(adapter.open().await).await;
    }
}

mod on_elasticsearch {
    use infra::config::Secret;
    use infra::read_model::generations::Generation;
    use infra::search::elasticsearch::{self, Options, Period};

    use super::*;

    struct Elasticsearch {
        options: Options,
    }

    impl Elasticsearch {
        async fn request(&self, method: reqwest::Method, path: &str) -> serde_json::Value {
            let url = format!("{}{path}", self.options.url.reveal());
            let answer = reqwest::Client::new().request(method, url).send().await.unwrap();
            answer.json().await.unwrap()
        }
    }

    #[async_trait]
    impl Adapter for Elasticsearch {
        async fn fresh() -> Option<Self> {
            let url = crate::server("SARANGBANG_TEST_ELASTICSEARCH")?;
            let url: Secret = serde_json::from_value(url.into()).unwrap();
            let prefix = format!("test-{}", infra::random::uuid_v4().simple());
            Some(Self { options: Options { period: Period::Year, replicas: 0, ..Options::new(url, &prefix) } })
        }

        async fn open(&self) -> Arc<dyn Search> {
            elasticsearch::open(&self.options, Generation::FIRST).unwrap()
        }

        async fn remove(self) {
            // Names with a wildcard are refused where a cluster is set up with care: each index by its own name.
            let prefix = &self.options.prefix;
            let list = self.request(reqwest::Method::GET, &format!("/_cat/indices/{prefix}-*?format=json&h=index")).await;
            for row in list.as_array().unwrap() {
                self.request(reqwest::Method::DELETE, &format!("/{}", row["index"].as_str().unwrap())).await;
            }
            self.request(reqwest::Method::DELETE, &format!("/_index_template/{prefix}-*")).await;
        }
    }

    crate::search_contract::contract!(Elasticsearch);

    #[tokio::test]
    async fn judged_queries() {
        let Some(adapter) = Elasticsearch::fresh().await else { return };
        crate::search_judged::judge(adapter.open().await).await;
        adapter.remove().await;
    }

    #[tokio::test]
    async fn what_nobody_answers_is_a_matter_of_trying_again() {
        let url: Secret = serde_json::from_value("http://127.0.0.1:1".into()).unwrap();
        let search = elasticsearch::open(&Options::new(url, "none"), Generation::FIRST).unwrap();
        let found = search.find(&crate::search_contract::query("tea")).await;
        assert!(matches!(found, Err(infra::search::Fault::Unavailable(_))), "{found:?}");
    }
}
