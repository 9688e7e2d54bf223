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
    async fn the_file_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;

        let Some(adapter) = Sqlite::fresh().await else { return };
        drop(adapter.open().await);
        let file = std::fs::metadata(adapter.folder.path().join("search.sqlite")).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn judged_queries() {
        let adapter = Sqlite::fresh().await.unwrap();
        crate::search_judged::judge(adapter.open().await).await;
    }
}

mod on_elasticsearch {
    use infra::config::Secret;
    use infra::search::Message;
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
            elasticsearch::open(&self.options).unwrap()
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
    async fn an_index_made_anew_takes_over_in_one_step_once_it_holds_as_much() {
        use crate::search_contract::{PARTITION, at, message, query};
        use domain::Cursor;
        use infra::read_model::Checkpoint;
        use infra::search::Document;

        const YEAR: u64 = 400 * 24 * 60 * 60;
        let Some(adapter) = Elasticsearch::fresh().await else { return };
        let to = |next_offset| Checkpoint { next_offset, cursor: Cursor { epoch: 1, sequence: next_offset } };
        let write = async |search: &dyn Search, message: Message| {
            assert_eq!(search.write(&[Document::Message(message)]).await.unwrap(), []);
            search.refresh().await.unwrap();
        };
        let found = async |search: &dyn Search| -> Vec<String> {
            let texts = search.find(&query("")).await.unwrap().items.into_iter().map(|hit| hit.text);
            texts.rev().collect()
        };
        let old = adapter.open().await;
        write(&*old, message(1, "tea")).await;
        old.advance(PARTITION, Checkpoint::default(), to(5)).await.unwrap();
        assert!(!old.take_over().await.unwrap(), "it is live already");

        // The other is made as its settings now say, beside it.
        let anew = Options { generation: 2, period: Period::Day, ..adapter.options.clone() };
        let new = elasticsearch::open(&anew).unwrap();
        write(&*new, message(1, "coffee")).await;
        new.advance(PARTITION, Checkpoint::default(), to(4)).await.unwrap();
        assert!(!new.take_over().await.unwrap(), "it has not come as far");
        assert_eq!((found(&*old).await, found(&*new).await), (vec!["tea".to_owned()], vec!["tea".to_owned()]));
        assert_eq!(new.checkpoints().await.unwrap(), [(PARTITION, to(5))], "queries wait for what they read");
        assert_eq!(new.checkpoint(PARTITION).await.unwrap(), to(4));

        new.advance(PARTITION, to(4), to(5)).await.unwrap();
        assert!(new.take_over().await.unwrap());
        assert!(!new.take_over().await.unwrap(), "once");
        assert_eq!((found(&*old).await, found(&*new).await), (vec!["coffee".to_owned()], vec!["coffee".to_owned()]));

        // Nodes that still write the old one, into an index that was not there, disturb nobody; nor do they take it back.
        let later = |number, text| Message { sent_at: at(YEAR), ..message(number, text) };
        write(&*old, later(2, "late tea")).await;
        let again = adapter.open().await;
        write(&*again, later(3, "later tea")).await;
        again.advance(PARTITION, to(5), to(9)).await.unwrap();
        assert!(!again.take_over().await.unwrap());
        write(&*new, later(2, "late coffee")).await;
        assert_eq!(found(&*again).await, ["coffee", "late coffee"]);
        adapter.remove().await;
    }

    /// Many words over several shards, so that no shard tells of all of its own.
    #[tokio::test]
    async fn a_ranking_that_is_approximate_says_by_how_much() {
        use std::collections::BTreeMap;

        use crate::search_contract::{at, message, write};
        use infra::search::{Ranking, Rooms, Span, words};

        const MESSAGES: u64 = 4_000;
        let Some(adapter) = Elasticsearch::fresh().await else { return };
        let search = elasticsearch::open(&Options { shards: 5, ..adapter.options.clone() }).unwrap();
        let (mut state, mut truth) = (20_261_125_u64, BTreeMap::<String, u64>::new());
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let messages: Vec<Message> = (1..=MESSAGES)
            .map(|number| {
                // Low numbers come often, high ones seldom, and of those there are thousands.
                let said: Vec<String> = (0..6).map(|_| format!("word{}x", draw(6_000) * draw(6_000) / 6_000)).collect();
                let text = said.join(" ");
                for word in words::counted(&text) {
                    *truth.entry(word).or_default() += 1;
                }
                message(number, &text)
            })
            .collect();
        write(&*search, messages).await;
        let ranked = search.top(Ranking::Words, &Rooms::All, Span { from: at(0), until: at(MESSAGES + 1) }, 200).await.unwrap();
        assert!(ranked.items.len() == 200 && ranked.error_max > 0, "it is approximate: {}", ranked.error_max);
        for row in &ranked.items {
            let true_count = truth.remove(&row.key).unwrap();
            assert!(row.count <= true_count && true_count <= row.count + row.error_max, "{row:?}, truly {true_count}");
        }
        let last = ranked.items.last().unwrap().count;
        let unlisted = truth.into_values().max().unwrap();
        assert!(unlisted <= last + ranked.error_max, "{unlisted} is not listed, behind {last}");
        adapter.remove().await;
    }

    #[tokio::test]
    async fn what_nobody_answers_is_a_matter_of_trying_again() {
        let url: Secret = serde_json::from_value("http://127.0.0.1:1".into()).unwrap();
        let search = elasticsearch::open(&Options::new(url, "none")).unwrap();
        let found = search.find(&crate::search_contract::query("tea")).await;
        assert!(matches!(found, Err(infra::search::Fault::Unavailable(_))), "{found:?}");
    }
}
