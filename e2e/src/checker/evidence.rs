//! Everything that the checker judges by, as files that anybody can look into.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::journal::{self, DEEDS, Deed, HEARD, Heard};

/// The file of [`LogRecord`]s.
const LOG: &str = "log.jsonl";
/// The file of [`RoomRead`]s.
const ROOMS: &str = "rooms.jsonl";

/// What was promised, told, written and shown.
#[derive(Debug, Clone, Default)]
pub struct Evidence {
    /// Commands and their outcomes, as the client journaled them.
    pub deeds: Vec<Deed>,
    /// What followers heard, as they journaled it.
    pub heard: Vec<Heard>,
    /// The log's records, in offset order within each partition; nothing where the log has no public interface (the embedded one).
    pub log: Option<Vec<LogRecord>>,
    /// The rooms, as query nodes showed them in the end.
    pub rooms: Vec<RoomRead>,
}

/// A record as a plain Kafka consumer gets it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The topic with its prefix.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The headers; of equal names the first.
    pub headers: BTreeMap<String, String>,
    /// The value as text.
    pub value: String,
}

/// A room as one query node shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoomRead {
    /// The node's address.
    pub node: String,
    /// The room.
    pub room: String,
    /// `GET /chat/rooms/{roomId}`.
    pub details: Value,
    /// All pages of `…/members`.
    pub members: Vec<Value>,
    /// All pages of `…/messages`.
    pub messages: Vec<Value>,
}

impl Evidence {
    /// The journals alone.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn journals(folder: &Path) -> Result<Self> {
        let (deeds, heard) = (journal::read(&folder.join(DEEDS))?, journal::read(&folder.join(HEARD))?);
        Ok(Self { deeds, heard, ..Self::default() })
    }

    /// Everything that [`Self::save`] left beside the journals.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load(folder: &Path) -> Result<Self> {
        let log = folder.join(LOG);
        let log = log.is_file().then(|| journal::read(&log)).transpose()?;
        Ok(Self { log, rooms: journal::read(&folder.join(ROOMS))?, ..Self::journals(folder)? })
    }

    /// Writes log and rooms beside the journals.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn save(&self, folder: &Path) -> Result<()> {
        if let Some(log) = &self.log {
            write(&folder.join(LOG), log)?;
        }
        write(&folder.join(ROOMS), &self.rooms)
    }
}

fn write<T: Serialize>(file: &Path, entries: &[T]) -> Result<()> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(file)?);
    for entry in entries {
        serde_json::to_writer(&mut out, entry)?;
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
