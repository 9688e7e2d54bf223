//! Forty queries on real archives, with judgements that were committed before anything was tuned: how much of what fits is found, and how
//! much of what comes first fits. The archives are not part of the repository; the judgements (`search_judged.json`) speak of their lines
//! by number.
//!
//! A judgement is a set of lines of one archive that answer a need. No person made it: a program's session drew the lines by patterns over the
//! whole archive and narrowed them; some sets are exactly what one pattern gives, and what no pattern gives counts as not fitting. So
//! the figures compare ways of searching on the same data, and hold what was reached. Precision is that of the first ten, or of as many as
//! fit; recall is that of the first hundred.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::sync::Arc;

use domain::{RoomId, Timestamp};
use infra::search::{Document, Message, Order, Query, Rooms, Search, clauses};
use serde::Deserialize;

use crate::search_contract::id;

/// What the search must reach on average, so that a change that loses what was reached does not go unseen.
const PRECISION_MIN: f64 = 0.6;
const RECALL_MIN: f64 = 0.5;
/// Documents of one write.
const BATCH: usize = 2_000;

#[derive(Deserialize)]
struct Judged {
    query: String,
    source: String,
    lines: BTreeSet<u64>,
}

#[derive(Deserialize)]
struct Line {
    at: Timestamp,
    text: String,
}

/// The folder with the archives; nothing, with a line that says so, where there is none.
///
/// # Panics
/// Under `CI=true`, which must have them.
fn archives() -> Option<PathBuf> {
    let folder = std::env::var_os("SARANGBANG_CHATDATA").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "SARANGBANG_CHATDATA is not set");
        println!("skipped: SARANGBANG_CHATDATA is not set");
    }
    folder.map(PathBuf::from)
}

fn room(source: &str) -> RoomId {
    RoomId::of_import("judged", source)
}

async fn index(search: &dyn Search, folder: &std::path::Path, source: &str) {
    let file = std::fs::File::open(folder.join(format!("{source}.jsonl.zst"))).unwrap();
    let lines = BufReader::new(zstd::Decoder::new(file).unwrap()).lines();
    let mut batch = Vec::with_capacity(BATCH);
    for (number, line) in (1..).zip(lines) {
        let line: Line = serde_json::from_str(&line.unwrap()).unwrap();
        batch.push(Document::Message(Message {
            room: room(source),
            number,
            author: id("somebody"),
            sent_at: line.at,
            text: Some(line.text),
            mentions: Vec::new(),
            edited_at: None,
            version: number,
        }));
        if batch.len() == BATCH {
            assert_eq!(search.write(&std::mem::take(&mut batch)).await.unwrap(), []);
        }
    }
    assert_eq!(search.write(&batch).await.unwrap(), []);
}

/// Precision and recall of each query, printed and held to a minimum.
pub async fn judge(search: Arc<dyn Search>) {
    let Some(folder) = archives() else { return };
    let judged: Vec<Judged> = serde_json::from_str(include_str!("search_judged.json")).unwrap();
    assert_eq!(judged.len(), 40);
    for source in judged.iter().map(|judged| judged.source.as_str()).collect::<BTreeSet<_>>() {
        index(&*search, &folder, source).await;
    }
    search.refresh().await.unwrap();
    let mut sums: BTreeMap<&str, (f64, f64, f64)> = BTreeMap::new();
    for Judged { query, source, lines } in &judged {
        let asked = Query {
            clauses: clauses(query).unwrap(),
            rooms: Rooms::Of([room(source)].into()),
            sender: None,
            from: None,
            until: None,
            order: Order::Relevance,
            after: None,
            limit: 100,
        };
        let found: Vec<u64> = search.find(&asked).await.unwrap().items.iter().map(|hit| hit.key.number).collect();
        let fits = |numbers: &[u64]| numbers.iter().filter(|number| lines.contains(number)).count();
        let share = |count: usize, of: usize| {
            if of == 0 { 0.0 } else { f64::from(u32::try_from(count).unwrap()) / f64::from(u32::try_from(of).unwrap()) }
        };
        let first = &found[..found.len().min(10)];
        let (precision, recall) = (share(fits(first), lines.len().min(10)), share(fits(&found), lines.len().min(100)));
        println!("{precision:.2} {recall:.2} {:>4} of {:>3}  {query}", found.len(), lines.len());
        let language = if source.starts_with("ko") { "Korean" } else { "English" };
        for group in [language, "all"] {
            let sum = sums.entry(group).or_default();
            *sum = (sum.0 + precision, sum.1 + recall, sum.2 + 1.0);
        }
    }
    for (group, (precision, recall, count)) in sums {
        let (precision, recall) = (precision / count, recall / count);
        println!("{}: {group}: precision {precision:.3}, recall {recall:.3} over {count} queries", search.kind());
        assert!(group != "all" || (precision >= PRECISION_MIN && recall >= RECALL_MIN));
    }
}
