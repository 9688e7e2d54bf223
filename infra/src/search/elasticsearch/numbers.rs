//! Counts by aggregations. A series is exact: each bucket is counted on every shard. A ranking over many shards is not, since a shard tells
//! only its own highest; the cluster says by how much it may be wrong, and that is handed on.

use domain::Timestamp;
use serde_json::{Value, json};

use super::find::filters;
use super::layout::Layout;
use crate::elasticsearch::{Client, Method};
use crate::search::{Count, Fault, Measure, Ranked, Ranking, Rooms, Span};

/// How many more rows each shard tells than are asked for: what is just below the line on one shard is then still seen.
const SHARD_SIZE_MIN: u32 = 1_000;

pub(super) async fn series(
    client: &Client,
    layout: &Layout,
    measure: &Measure,
    rooms: &Rooms,
    edges: &[Timestamp],
) -> Result<Vec<u64>, Fault> {
    let (index, rooms) = match measure {
        Measure::Registrations => (layout.live_people(), &Rooms::All),
        Measure::Messages | Measure::Word(_) => (layout.live_chats(), rooms),
    };
    let mut filter = filters(rooms, None, edges.first().copied(), edges.last().copied());
    if let Measure::Word(word) = measure {
        filter.push(json!({"term": {"words": word}}));
    }
    let pairs = edges.iter().zip(edges.iter().skip(1));
    let ranges: Vec<Value> = pairs.map(|(from, until)| json!({"from": from, "to": until})).collect();
    let buckets_wanted = ranges.len();
    let aggregation = json!({"date_range": {"field": "@timestamp", "ranges": ranges}});
    let buckets = aggregate(client, &index, &filter, &aggregation).await?;
    let counts: Vec<u64> = buckets.get("buckets").and_then(Value::as_array).into_iter().flatten().filter_map(count).collect();
    match counts.len() {
        // There is no index yet.
        0 => Ok(vec![0; buckets_wanted]),
        found if found == buckets_wanted => Ok(counts),
        _ => Err(Fault::Unavailable("the answer does not speak of every bucket".to_owned())),
    }
}

pub(super) async fn top(
    client: &Client,
    layout: &Layout,
    ranking: Ranking,
    rooms: &Rooms,
    span: Span,
    limit: u32,
) -> Result<Ranked, Fault> {
    let field = match ranking {
        Ranking::Words => "words",
        Ranking::Rooms => "room.id",
        Ranking::People => "user.id",
    };
    let aggregation = json!({"terms": {
        "field": field,
        "size": limit,
        "shard_size": limit.saturating_mul(2).max(SHARD_SIZE_MIN),
        "show_term_doc_count_error": true,
        "order": [{"_count": "desc"}, {"_key": "asc"}],
    }});
    let filter = filters(rooms, None, Some(span.from), Some(span.until));
    let found = aggregate(client, &layout.live_chats(), &filter, &aggregation).await?;
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    let rows = found.get("buckets").and_then(Value::as_array).into_iter().flatten();
    let read = |row: &Value| {
        let key = row.get("key")?.as_str()?.to_owned();
        Some(Count { key, count: count(row)?, error_max: number(row, "doc_count_error_upper_bound") })
    };
    let items = rows.map(|row| read(row).ok_or_else(|| Fault::Unavailable("a bucket cannot be read".to_owned())));
    Ok(Ranked { items: items.collect::<Result<_, _>>()?, error_max: number(&found, "doc_count_error_upper_bound") })
}

async fn aggregate(client: &Client, index: &str, filter: &[Value], aggregation: &Value) -> Result<Value, Fault> {
    let body = json!({
        "size": 0, "track_total_hits": false, "query": {"bool": {"filter": filter}}, "aggs": {"found": aggregation},
    });
    let path = format!("/{index}/_search?ignore_unavailable=true");
    let mut answer = client.must(Method::Post, &path, Some(&body)).await?;
    if answer.pointer("/_shards/failed").and_then(Value::as_u64).unwrap_or_default() > 0 {
        return Err(Fault::Unavailable("not all shards answered".to_owned()));
    }
    Ok(answer.pointer_mut("/aggregations/found").map(Value::take).unwrap_or_default())
}

fn count(row: &Value) -> Option<u64> {
    row.get("doc_count")?.as_u64()
}
