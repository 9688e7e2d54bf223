//! Finds messages.

use std::ops::Range;

use domain::{RoomId, Timestamp, UserId};
use serde_json::{Value, json};

use super::layout::Layout;
use crate::elasticsearch::{Client, Method};
use crate::read_model::Page;
use crate::search::Fault;
use crate::search::query::{Clause, Hit, Key, Order, Query, Rooms, marks};

/// What a gram counts beside a term in the score.
const GRAMS_BOOST: f64 = 0.3;
/// What the cluster's own analyser counts beside a term.
const ANALYSED_BOOST: f64 = 0.8;
/// How much the lesser ways in which a word fits count beside the best.
const TIE_BREAKER: f64 = 0.3;
/// Around what fits, in the answer: private characters, of which a text may hold some; then nothing is marked but by our own terms.
const MARKS: [char; 2] = ['\u{f8f0}', '\u{f8f1}'];

/// Makes findable what these indices hold, those of them that are there.
pub(super) async fn refresh(client: &Client, chats: &str, people: &str) -> Result<(), Fault> {
    let indices = format!("{chats},{people}");
    client.must(Method::Post, &format!("/{indices}/_refresh?ignore_unavailable=true"), None).await?;
    Ok(())
}

pub(super) async fn messages(client: &Client, layout: &Layout, query: &Query) -> Result<Page<Hit>, Fault> {
    let path = format!("/{}/_search?ignore_unavailable=true", layout.live_chats());
    let answer = client.must(Method::Post, &path, Some(&body(query))).await?;
    let failed = answer.pointer("/_shards/failed").and_then(Value::as_u64).unwrap_or_default();
    if failed > 0 {
        return Err(Fault::Unavailable(format!("{failed} shards did not answer")));
    }
    let hits = answer.pointer("/hits/hits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let limit = query.limit as usize;
    let read =
        |hit: &Value| read(hit, query).ok_or_else(|| Fault::Unavailable("a document is not one of this version".to_owned()));
    Ok(Page { items: hits.iter().take(limit).map(read).collect::<Result<_, _>>()?, more: hits.len() > limit })
}

/// Rooms, sender and times: what a query may look into.
pub(super) fn filters(rooms: &Rooms, sender: Option<&UserId>, from: Option<Timestamp>, until: Option<Timestamp>) -> Vec<Value> {
    let mut filters = Vec::new();
    if let Rooms::Of(rooms) = rooms {
        filters.push(json!({"terms": {"room.id": rooms}}));
    }
    filters.extend(sender.map(|user| json!({"term": {"user.id": user}})));
    if from.is_some() || until.is_some() {
        let mut range = serde_json::Map::new();
        range.extend(from.map(|from| ("gte".to_owned(), json!(from))));
        range.extend(until.map(|until| ("lt".to_owned(), json!(until))));
        filters.push(json!({"range": {"@timestamp": range}}));
    }
    filters
}

fn body(query: &Query) -> Value {
    let mut filter = filters(&query.rooms, query.sender.as_ref(), query.from, query.until);
    filter.push(json!({"term": {"deleted": false}}));
    let should: Vec<Value> = query.clauses.iter().map(clause).collect();
    let relevance = query.order == Order::Relevance && !query.clauses.is_empty();
    let mut sort = vec![json!({"@timestamp": "desc"}), json!({"room.id": "desc"}), json!({"number": "desc"})];
    if relevance {
        sort.insert(0, json!({"_score": "desc"}));
    }
    let [open, close] = MARKS;
    let mut body = json!({
        "size": query.limit.saturating_add(1),
        "track_total_hits": false,
        "_source": ["@timestamp", "room.id", "number", "user.id", "message", "edited_at"],
        "query": {"bool": {"filter": filter, "should": should, "minimum_should_match": query.needed()}},
        "sort": sort,
        "highlight": {
            "pre_tags": [open], "post_tags": [close],
            "fields": {"message": {"type": "unified", "number_of_fragments": 0}},
        },
    });
    if let (Some(Key { score, sent_at, room, number }), Some(fields)) = (query.after, body.as_object_mut()) {
        let mut after = vec![json!(sent_at.as_millis()), json!(room), json!(number)];
        if relevance {
            after.insert(0, json!(score));
        }
        fields.insert("search_after".to_owned(), json!(after));
    }
    body
}

/// A clause by our own terms, or by what the cluster makes of the words.
fn clause(clause: &Clause) -> Value {
    let analysed = |surface: &str| json!({"match_phrase": {"message": {"query": surface, "boost": ANALYSED_BOOST}}});
    let ways = match clause {
        Clause::Word { term, grams, surface } => {
            let mut ways = vec![json!({"term": {"terms": {"value": term}}}), analysed(surface)];
            if !grams.is_empty() {
                ways.push(json!({"match_phrase": {"grams": {"query": grams, "boost": GRAMS_BOOST}}}));
            }
            ways
        }
        Clause::Phrase { terms, surface } => {
            vec![json!({"match_phrase": {"terms": {"query": terms.join(" ")}}}), analysed(surface)]
        }
    };
    json!({"dis_max": {"queries": ways, "tie_breaker": TIE_BREAKER}})
}

fn read(hit: &Value, query: &Query) -> Option<Hit> {
    let source = hit.get("_source")?;
    let text = source.get("message")?.as_str()?.to_owned();
    let time = |value: &Value| serde_json::from_value::<Timestamp>(value.clone()).ok();
    let key = Key {
        score: if query.order == Order::Relevance { hit.get("_score").and_then(Value::as_f64).unwrap_or_default() } else { 0.0 },
        sent_at: time(source.get("@timestamp")?)?,
        room: serde_json::from_value::<RoomId>(source.pointer("/room/id")?.clone()).ok()?,
        number: source.get("number")?.as_u64()?,
    };
    let own = marks(&text, &query.clauses);
    let theirs = hit.pointer("/highlight/message/0").and_then(Value::as_str).and_then(|marked| marks_of(marked, &text));
    Some(Hit {
        key,
        author: UserId::parse(source.pointer("/user/id")?.as_str()?).ok()?,
        edited_at: source.get("edited_at").and_then(time),
        marks: merged(own, theirs.unwrap_or_default()),
        text,
    })
}

/// Where a marked text is marked, as places in `text`; nothing where it is not that text with marks in it.
fn marks_of(marked: &str, text: &str) -> Option<Vec<Range<usize>>> {
    let [open, close] = MARKS;
    let (mut places, mut plain, mut begin) = (Vec::new(), String::with_capacity(text.len()), None);
    for c in marked.chars() {
        match (c == open, c == close, begin) {
            (true, _, None) => begin = Some(plain.len()),
            (_, true, Some(at)) => {
                places.push(at..plain.len());
                begin = None;
            }
            _ => plain.push(c),
        }
    }
    (plain == text).then_some(places)
}

/// Both lists in one, rising, with what touches joined.
fn merged(mut one: Vec<Range<usize>>, other: Vec<Range<usize>>) -> Vec<Range<usize>> {
    one.extend(other);
    one.sort_by_key(|mark| (mark.start, mark.end));
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(one.len());
    for mark in one {
        match apart.last_mut() {
            Some(last) if mark.start < last.end => last.end = last.end.max(mark.end),
            _ => apart.push(mark),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_from_the_answer_and_joined() {
        let text = "우리 초등학교에서 tea";
        let [open, close] = MARKS;
        let marked = format!("우리 초등{open}학교{close}에서 {open}tea{close}");
        let places = marks_of(&marked, text).unwrap();
        assert_eq!(places.iter().map(|at| &text[at.clone()]).collect::<Vec<_>>(), ["학교", "tea"]);
        assert_eq!(marks_of("other text", text), None);
        assert_eq!(merged(vec![0..4, 8..9], vec![2..6, 8..9, 6..7]), [0..6, 6..7, 8..9]);
    }
}
