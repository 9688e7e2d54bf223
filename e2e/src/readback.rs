//! Reads an imported archive back through the public queries alone, and compares every line.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use domain::RoomId;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::chatdata::{Archive, Line, by_room, read, user_id};
use crate::person::Person;
use crate::system::Addresses;

/// Rooms that are read at once.
const ROOMS_AT_ONCE: usize = 4;

/// How much was compared.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    /// Rooms.
    pub rooms: usize,
    /// Messages, each with its room, number, author, time and text.
    pub messages: usize,
}

/// Compares all rooms of the archive: each holds exactly the archive's messages, in its order, numbered from 1.
///
/// # Errors
/// Names the first message that differs (by room and number, without its text), or says what is missing or too much.
pub async fn compare(at: &Addresses, archive: &Archive) -> Result<Compared> {
    let rooms = by_room(read(&archive.messages)?);
    let reader = Person::sign_in(at, "reader").await?;
    let source = archive.source.as_str();
    let each = rooms.iter().map(|(name, lines)| room(&reader, source, name, lines));
    let counts: Vec<usize> = stream::iter(each).buffer_unordered(ROOMS_AT_ONCE).try_collect().await?;
    Ok(Compared { rooms: counts.len(), messages: counts.iter().sum() })
}

async fn room(reader: &Person, source: &str, name: &str, lines: &[Line]) -> Result<usize> {
    let id = RoomId::of_import(source, name);
    let history = reader.history(&id.to_string(), None).await.with_context(|| format!("room {name:?} of {source} ({id})"))?;
    let mut ids: BTreeMap<&str, String> = BTreeMap::new();
    for line in lines {
        if !ids.contains_key(line.user.as_str()) {
            ids.insert(&line.user, user_id(source, &line.user)?);
        }
    }
    for ((message, line), number) in history.iter().zip(lines).zip(1_u64..) {
        let text = |field: &str| message.get(field).and_then(Value::as_str);
        let same = text("roomId") == Some(id.to_string().as_str())
            && message.get("number").and_then(Value::as_u64) == Some(number)
            && text("author") == ids.get(line.user.as_str()).map(String::as_str)
            && text("sentAt") == Some(line.at.as_str())
            && text("text") == Some(line.text.as_str());
        let (author, at) = (text("author"), text("sentAt"));
        ensure!(
            same,
            "message {number} of {name:?} in {source} differs from {:?} at {}: here {author:?} at {at:?}",
            line.user,
            line.at
        );
    }
    ensure!(history.len() == lines.len(), "{name:?} in {source} has {} messages here and {} there", history.len(), lines.len());
    Ok(lines.len())
}
