//! Writes documents by bulk requests, bounded in bytes.
//!
//! The answer speaks of each document: written; there already, or something later (409); refused for good; or to be tried again (429 and
//! 5xx), which only these are, with growing pauses. What does not help in time is the caller's to try again.

use std::time::Duration;

use serde_json::Value;

use super::document::{Lines, lines};
use super::layout::Layout;
use crate::elasticsearch::{Client, Unavailable};
use crate::search::{Document, Fault, Refused};

/// How often a document is tried in one call.
const ATTEMPTS_MAX: u32 = 5;
/// The pause before the second attempt; doubled with each further one, and about half of it by chance.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The most characters of a reason that are kept.
const REASON_MAX: usize = 500;

/// What became of one document.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    Again(String),
    Refused(String),
}

pub(super) async fn documents(
    client: &Client,
    layout: &Layout,
    bytes_max: usize,
    documents: &[Document],
) -> Result<Vec<Refused>, Fault> {
    let mut refused = Vec::new();
    let mut waiting: Vec<Lines> = Vec::new();
    let mut bytes = 0;
    for (index, document) in documents.iter().enumerate() {
        let lines = lines(layout, index, document);
        if !waiting.is_empty() && bytes + lines.text.len() > bytes_max {
            refused.extend(write(client, std::mem::take(&mut waiting)).await?);
            bytes = 0;
        }
        bytes += lines.text.len();
        waiting.push(lines);
    }
    refused.extend(write(client, waiting).await?);
    Ok(refused)
}

/// Writes one bulk, until nothing of it waits any more.
async fn write(client: &Client, mut waiting: Vec<Lines>) -> Result<Vec<Refused>, Fault> {
    let mut refused = Vec::new();
    let mut pause = PAUSE_MIN;
    for attempt in 1.. {
        if waiting.is_empty() {
            break;
        }
        let body: String = waiting.iter().map(|lines| lines.text.as_str()).collect();
        let mut why = String::new();
        match client.send_lines("/_bulk?filter_path=errors,items.*.status,items.*.error", body).await {
            Ok(answer) if answer.status < 400 => {
                let outcomes = outcomes(&answer.body, waiting.len())?;
                let mut again = Vec::new();
                for (lines, outcome) in waiting.into_iter().zip(outcomes) {
                    match outcome {
                        Outcome::Done => {}
                        Outcome::Refused(reason) => refused.push(Refused { index: lines.index, reason }),
                        Outcome::Again(reason) => {
                            why = reason;
                            again.push(lines);
                        }
                    }
                }
                waiting = again;
            }
            // The request as a whole: too large for the cluster, or not allowed.
            Ok(answer) => why = format!("Elasticsearch answered {} to a bulk request", answer.status),
            Err(Unavailable(reason)) => why = reason,
        }
        if waiting.is_empty() {
            break;
        }
        if attempt >= ATTEMPTS_MAX {
            return Err(Fault::Unavailable(why));
        }
        metrics::counter!("sarangbang_search_retries_total").increment(1);
        tokio::time::sleep(pause / 2 + crate::random::jitter(pause / 2)).await;
        pause *= 2;
    }
    Ok(refused)
}

/// What became of each of `count` documents.
fn outcomes(body: &Value, count: usize) -> Result<Vec<Outcome>, Fault> {
    let items = body.get("items").and_then(Value::as_array);
    let items = items.filter(|items| items.len() == count);
    let items =
        items.ok_or_else(|| Fault::Unavailable("the answer to a bulk request does not speak of every document".to_owned()))?;
    items.iter().map(outcome).collect()
}

fn outcome(item: &Value) -> Result<Outcome, Fault> {
    let index = item.get("index").unwrap_or(&Value::Null);
    let reason = || {
        let text = |pointer: &str| index.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        format!("{}: {}", text("/error/type"), text("/error/reason")).chars().take(REASON_MAX).collect()
    };
    match index.get("status").and_then(Value::as_u64) {
        // 409: an external version is there that is as high.
        Some(200..=299 | 409) => Ok(Outcome::Done),
        // An index that is closed, read-only or full is a matter for people and time, not of the document.
        Some(403 | 404 | 429 | 500..) => Ok(Outcome::Again(reason())),
        Some(_) => Ok(Outcome::Refused(reason())),
        None => Err(Fault::Unavailable("the answer to a bulk request has no status".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_document_has_an_outcome_of_its_own() {
        let item = |status: u64| json!({"index": {"status": status, "error": {"type": "t", "reason": "r"}}});
        let body = json!({"items": [item(201), item(409), item(429), item(503), item(400), item(403)]});
        let again = || Outcome::Again("t: r".to_owned());
        let expected = vec![Outcome::Done, Outcome::Done, again(), again(), Outcome::Refused("t: r".to_owned()), again()];
        assert_eq!(outcomes(&body, 6).unwrap(), expected);
        assert!(outcomes(&body, 7).is_err(), "one is missing");
        assert!(outcomes(&json!({"items": [{"index": {}}]}), 1).is_err());
    }
}
