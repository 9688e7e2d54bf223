//! What the Elasticsearch adapter does where a cluster takes only a part: against a cluster of the test's own that answers as one does under
//! load, and against the real one with an index that takes nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use infra::config::Secret;
use infra::search::elasticsearch::{self, Options};
use infra::search::{Document, Fault, Refused, Search};
use serde_json::{Value, json};

use crate::search_contract::message;

/// Answers bulk requests by a script, and everything else as a cluster that has nothing.
#[derive(Default)]
struct Script {
    /// What becomes of each document of the next requests; a single number is the status of the request as a whole.
    answers: VecDeque<Vec<u16>>,
    /// The numbers of the messages in each request.
    asked: Vec<Vec<u64>>,
    bytes_max: usize,
}

type Shared = Arc<Mutex<Script>>;

async fn answer(State(script): State<Shared>, uri: Uri, body: String) -> impl IntoResponse {
    if uri.path() != "/_bulk" {
        return (StatusCode::OK, "{}".to_owned());
    }
    let mut script = script.lock().unwrap();
    let sources = body.lines().skip(1).step_by(2).map(|line| serde_json::from_str::<Value>(line).unwrap());
    script.asked.push(sources.map(|source| source["number"].as_u64().unwrap()).collect());
    script.bytes_max = script.bytes_max.max(body.len());
    let count = script.asked.last().unwrap().len();
    let statuses = script.answers.pop_front().unwrap_or_else(|| vec![201; count]);
    if let ([whole], true) = (statuses.as_slice(), count > 1) {
        return (StatusCode::from_u16(*whole).unwrap(), "{}".to_owned());
    }
    let item = |status: &u16| json!({"index": {"status": status, "error": {"type": "of_the_test", "reason": "so it is"}}});
    let items: Vec<Value> = statuses.iter().map(item).collect();
    (StatusCode::OK, json!({"errors": true, "items": items}).to_string())
}

/// The adapter before such a cluster.
async fn before(answers: impl IntoIterator<Item = Vec<u16>>, bulk_bytes_max: usize) -> (Arc<dyn Search>, Shared) {
    let script = Shared::new(Mutex::new(Script { answers: answers.into_iter().collect(), ..Script::default() }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let url: Secret = serde_json::from_value(url.into()).unwrap();
    (elasticsearch::open(&Options { bulk_bytes_max, ..Options::new(url, "bulk") }).unwrap(), script)
}

fn messages(numbers: std::ops::RangeInclusive<u64>) -> Vec<Document> {
    numbers.map(|number| Document::Message(message(number, "tea and cake"))).collect()
}

#[tokio::test]
async fn only_what_was_not_taken_is_sent_again_and_what_never_will_be_is_told() {
    let answers = [vec![429], vec![201, 429, 400, 503, 409], vec![503, 201], vec![201]];
    let (search, script) = before(answers, 1_000_000).await;
    let refused = search.write(&messages(1..=5)).await.unwrap();
    assert_eq!(refused, [Refused { index: 2, reason: "of_the_test: so it is".to_owned() }]);
    assert_eq!(script.lock().unwrap().asked, [vec![1, 2, 3, 4, 5], vec![1, 2, 3, 4, 5], vec![2, 4], vec![2]]);
}

#[tokio::test]
async fn a_cluster_that_goes_on_refusing_is_left_to_the_caller_after_a_few_attempts() {
    let (search, script) = before((0..9).map(|_| vec![429]), 1_000_000).await;
    let written = search.write(&messages(1..=2)).await;
    assert!(matches!(written, Err(Fault::Unavailable(_))), "{written:?}");
    assert_eq!(script.lock().unwrap().asked.len(), 5);
}

#[tokio::test]
async fn requests_are_bounded_in_bytes() {
    const BYTES_MAX: usize = 4_000;
    let (search, script) = before([], BYTES_MAX).await;
    assert_eq!(search.write(&messages(1..=100)).await.unwrap(), []);
    let script = script.lock().unwrap();
    assert!(script.asked.len() > 5 && script.bytes_max <= BYTES_MAX, "{} requests of {}", script.asked.len(), script.bytes_max);
    assert_eq!(script.asked.concat(), (1..=100).collect::<Vec<u64>>(), "each once");
}
