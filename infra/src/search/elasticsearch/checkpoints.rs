//! Checkpoints: a document for each partition, replaced only where it still is what was read (by sequence number and primary term, which
//! Elasticsearch counts for every document).

use domain::Cursor;
use serde_json::{Value, json};

use super::layout::Layout;
use crate::elasticsearch::{Client, Method};
use crate::log::{Topic, TopicPartition};
use crate::read_model::Checkpoint;
use crate::search::Fault;

/// More partitions than any system has.
const PARTITIONS_MAX: u32 = 10_000;

/// A checkpoint as it stands in the index.
pub(super) struct Stored {
    pub(super) checkpoint: Checkpoint,
    /// Which write of it this is.
    place: (u64, u64),
}

/// What is stored for `partition`: read from the index as it is, not as it was last refreshed.
pub(super) async fn read(client: &Client, layout: &Layout, partition: TopicPartition) -> Result<Option<Stored>, Fault> {
    let path = format!("/{}/_doc/{}", layout.own_checkpoints(), id(partition));
    let answer = client.send(Method::Get, &path, None).await?;
    if answer.status == 404 {
        return Ok(None);
    }
    let number = |pointer: &str| answer.body.pointer(pointer).and_then(Value::as_u64);
    let stored = || {
        Some(Stored {
            checkpoint: checkpoint(answer.body.get("_source")?)?,
            place: (number("/_seq_no")?, number("/_primary_term")?),
        })
    };
    stored().map(Some).ok_or_else(|| Fault::Unavailable(format!("the checkpoint of {partition} cannot be read")))
}

pub(super) async fn advance(
    client: &Client,
    layout: &Layout,
    partition: TopicPartition,
    expected: Checkpoint,
    next: Checkpoint,
) -> Result<(), Fault> {
    let stored = read(client, layout, partition).await?;
    if stored.as_ref().map(|stored| stored.checkpoint).unwrap_or_default() != expected {
        return Err(Fault::CheckpointMoved(partition));
    }
    let condition = match stored {
        None => "op_type=create".to_owned(),
        Some(Stored { place: (number, term), .. }) => format!("if_seq_no={number}&if_primary_term={term}"),
    };
    let document = json!({
        "topic": partition.topic.base_name(),
        "partition": partition.partition,
        "next_offset": next.next_offset,
        "epoch": next.cursor.epoch,
        "sequence": next.cursor.sequence,
    });
    let path = format!("/{}/_doc/{}?{condition}", layout.own_checkpoints(), id(partition));
    let answer = client.send(Method::Put, &path, Some(&document)).await?;
    match answer.status {
        409 => Err(Fault::CheckpointMoved(partition)),
        200..=299 => Ok(()),
        status => Err(Fault::Unavailable(format!("Elasticsearch answered {status} to a checkpoint"))),
    }
}

/// Those of the making that is live.
pub(super) async fn all(client: &Client, layout: &Layout) -> Result<Vec<(TopicPartition, Checkpoint)>, Fault> {
    let index = layout.live_checkpoints();
    // A small index that is read seldom: it shows what is there, not what was there a second ago.
    if client.send(Method::Post, &format!("/{index}/_refresh"), None).await?.status == 404 {
        return Ok(Vec::new());
    }
    let body = json!({"size": PARTITIONS_MAX, "query": {"match_all": {}}});
    let found = client.must(Method::Post, &format!("/{index}/_search"), Some(&body)).await?;
    let hits = found.pointer("/hits/hits").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(hits.iter().filter_map(|hit| known(hit.get("_source")?)).collect())
}

/// Nothing for a topic that a later version added.
fn known(source: &Value) -> Option<(TopicPartition, Checkpoint)> {
    let name = source.get("topic")?.as_str()?;
    let topic = Topic::ALL.into_iter().find(|topic| topic.base_name() == name)?;
    let partition = u32::try_from(source.get("partition")?.as_u64()?).ok()?;
    Some((TopicPartition { topic, partition }, checkpoint(source)?))
}

fn checkpoint(source: &Value) -> Option<Checkpoint> {
    let number = |name: &str| source.get(name)?.as_u64();
    let cursor = Cursor { epoch: number("epoch")?, sequence: number("sequence")? };
    Some(Checkpoint { next_offset: number("next_offset")?, cursor })
}

fn id(partition: TopicPartition) -> String {
    format!("{}-{}", partition.topic.base_name(), partition.partition)
}
