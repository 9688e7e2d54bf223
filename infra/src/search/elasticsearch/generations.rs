//! Which making of the index is read: the one whose indices carry the aliases. A new one is made beside it, and takes them over in one step.
//!
//! The aliases say which one is live. Whoever opens a making that is not live writes into indices without aliases, which
//! nobody reads. [`take_over`] moves the aliases of all that is there by one request, which the cluster does wholly or not at all; indices
//! that are made later get them by their template. A newer making takes over from an older one and never the other way round, so that
//! nodes of two versions of the program do not take it from each other.

use serde_json::{Map, Value, json};

use super::layout::{KINDS, Layout, Making};
use super::{checkpoints, find, layout};
use crate::elasticsearch::{Client, Method};
use crate::search::Fault;

/// Puts the templates, by which indices are made with the first document that belongs into them.
pub(super) async fn prepare(client: &Client, layout: &Layout) -> Result<(), Fault> {
    let korean = has_korean(client).await?;
    if !korean {
        tracing::info!("the cluster has no analyser for Korean (nori): texts are searched by our own terms alone");
    }
    layout::put_lifecycle(client, layout).await?;
    let is_live = live(client, layout).await?.is_none_or(|live| live == layout.making);
    layout::put_templates(client, layout, korean, is_live).await?;
    // What was made between the two steps of a take-over that was cut short has no alias yet.
    if is_live { give_aliases(client, layout).await } else { Ok(()) }
}

/// Takes over from an older making, if this one has come as far in every partition; says whether it did.
pub(super) async fn take_over(client: &Client, layout: &Layout) -> Result<bool, Fault> {
    if live(client, layout).await?.is_none_or(|live| live >= layout.making) || !has_come_as_far(client, layout).await? {
        return Ok(false);
    }
    // What is written is to be found from the first query on: an index that nobody reads shows it by and by.
    find::refresh(client, &layout.own_chats(), &layout.own_people()).await?;
    let korean = has_korean(client).await?;
    for (name, template) in templates(client, layout).await? {
        if layout.making_of(&name).is_some_and(|making| making != layout.making) {
            let without = without_aliases(&template);
            client.must(Method::Put, &format!("/_index_template/{name}"), Some(&without)).await?;
        }
    }
    give_aliases(client, layout).await?;
    layout::put_templates(client, layout, korean, true).await?;
    // An index may have been made between the two.
    give_aliases(client, layout).await?;
    Ok(true)
}

/// The making that is live; nothing before there is any.
async fn live(client: &Client, layout: &Layout) -> Result<Option<Making>, Fault> {
    let aliases: Vec<String> = KINDS.iter().map(|kind| layout.alias(kind)).collect();
    // Where one of the aliases is not there, the status is 404 and the others are told all the same.
    let answer = client.send(Method::Get, &format!("/_alias/{}", aliases.join(",")), None).await?;
    Ok(answer.body.as_object().into_iter().flatten().filter_map(|(name, _)| layout.making_of(name)).max())
}

async fn has_come_as_far(client: &Client, layout: &Layout) -> Result<bool, Fault> {
    for (partition, live) in checkpoints::all(client, layout).await? {
        let own = checkpoints::read(client, layout, partition).await?.map(|stored| stored.checkpoint).unwrap_or_default();
        if own.next_offset < live.next_offset {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives the aliases to the indices of this making, and takes them from all others, in one step.
async fn give_aliases(client: &Client, layout: &Layout) -> Result<(), Fault> {
    let patterns: Vec<String> = KINDS.iter().map(|kind| format!("{}-v*", layout.alias(kind))).collect();
    let found = client.must(Method::Get, &format!("/{}/_alias", patterns.join(",")), None).await?;
    let mut actions = Vec::new();
    for (index, about) in found.as_object().into_iter().flatten() {
        let (Some(making), Some(kind)) = (layout.making_of(index), layout.kind_of(index)) else { continue };
        let alias = layout.alias(kind);
        let has = about.get("aliases").is_some_and(|aliases| aliases.get(&alias).is_some());
        match (making == layout.making, has) {
            (true, false) => actions.push(json!({"add": {"index": index, "alias": alias}})),
            (false, true) => actions.push(json!({"remove": {"index": index, "alias": alias}})),
            _ => {}
        }
    }
    if !actions.is_empty() {
        client.must(Method::Post, "/_aliases", Some(&json!({"actions": actions}))).await?;
    }
    Ok(())
}

/// The templates under our prefix, by name.
async fn templates(client: &Client, layout: &Layout) -> Result<Vec<(String, Value)>, Fault> {
    let mut found = Vec::new();
    for kind in KINDS {
        let path = format!("/_index_template/{}-v*", layout.alias(kind));
        let list = client.must(Method::Get, &path, None).await?;
        let rows = list.get("index_templates").and_then(Value::as_array).cloned().unwrap_or_default();
        let read = |row: &Value| Some((row.get("name")?.as_str()?.to_owned(), row.get("index_template")?.clone()));
        found.extend(rows.iter().filter_map(read));
    }
    Ok(found)
}

/// The same template for indices that nobody reads.
fn without_aliases(template: &Value) -> Value {
    let known = ["index_patterns", "priority", "template", "_meta"];
    let mut kept: Map<String, Value> =
        known.into_iter().filter_map(|name| Some((name.to_owned(), template.get(name)?.clone()))).collect();
    if let Some(inner) = kept.get_mut("template").and_then(Value::as_object_mut) {
        inner.remove("aliases");
    }
    kept.into()
}

/// Whether the cluster can analyse Korean.
async fn has_korean(client: &Client) -> Result<bool, Fault> {
    let text = json!({"analyzer": "nori", "text": "한국"});
    Ok(client.send(Method::Post, "/_analyze", Some(&text)).await?.status < 400)
}
