//! What a load client was promised and told, line by line on disk: the evidence that the checker judges by.
//!
//! A line that was handed to [`Journal::keep`] counts once the call returns: it is then on disk, whatever happens to this process.
//! Lines of many callers share one `fdatasync`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Lines that wait for the disk at most.
const WAITING_LINES_MAX: usize = 1_024;

/// The file of [`Deed`]s.
pub const DEEDS: &str = "deeds.jsonl";
/// The file of [`Heard`] lines.
pub const HEARD: &str = "heard.jsonl";

/// One command, and what came of it. A key that is used again, on purpose, has a line for each answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deed {
    /// The idempotency key.
    pub key: Uuid,
    /// Who asked.
    pub actor: String,
    /// In which room; the person's own id where it is about them.
    pub room: String,
    /// For what.
    pub what: What,
    /// When it was asked for first, in microseconds since the journal began, on a clock that never goes back.
    pub asked_us: u64,
    /// When its outcome was known, on the same clock.
    pub answered_us: u64,
    /// Requests until then.
    pub attempts: u32,
    /// The outcome.
    pub outcome: Outcome,
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum What {
    /// A new room.
    Create,
    /// To become a member.
    Join,
    /// Another status text of one's own.
    Profile {
        /// The text.
        status: String,
    },
    /// A new message.
    Send {
        /// Its text.
        text: String,
    },
    /// Another text.
    Edit {
        /// Of which message.
        number: u64,
        /// The text.
        text: String,
    },
    /// A message gone.
    Delete {
        /// Which.
        number: u64,
    },
    /// A reaction.
    React {
        /// To which message.
        number: u64,
        /// The emoji.
        emoji: String,
    },
    /// A reaction taken back.
    Unreact {
        /// From which message.
        number: u64,
        /// The emoji.
        emoji: String,
    },
}

/// What the server said in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Success.
    Acknowledged {
        /// The message's number, where there is one.
        number: Option<u64>,
        /// The room's version.
        version: u64,
    },
    /// No, for good.
    Refused {
        /// The problem's code.
        code: String,
    },
    /// Nothing, until the client gave up.
    Unknown,
}

/// One thing that happened on a follower's sockets, in their order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
    /// Which follower: a client that lives on over many sockets.
    pub follower: String,
    /// When, as in [`Deed::asked_us`].
    pub at_us: u64,
    /// What.
    pub what: Told,
}

/// What a follower heard or did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// A socket was opened.
    Opened {
        /// At which node.
        node: String,
    },
    /// It asked to follow a room, after the version that it holds.
    Asked {
        /// Which room.
        room: String,
        /// The version; nothing to begin at the present.
        after: Option<u64>,
    },
    /// It was told to start anew, and read the room.
    Anew {
        /// Which room.
        room: String,
        /// The version that it read.
        version: u64,
    },
    /// A frame, as it came.
    Frame(Value),
    /// The socket ended.
    Ended {
        /// How, as far as one can tell.
        why: String,
    },
}

/// A file that grows by whole lines.
pub struct Journal {
    lines: mpsc::Sender<(Vec<u8>, Option<oneshot::Sender<()>>)>,
    writer: JoinHandle<Result<()>>,
}

impl Journal {
    /// Makes the file.
    ///
    /// # Errors
    /// When it cannot be made, or is there already.
    pub fn create(file: &Path) -> Result<Self> {
        let out = File::options().create_new(true).append(true).open(file).with_context(|| file.display().to_string())?;
        let (lines, mut waiting) = mpsc::channel::<(Vec<u8>, Option<oneshot::Sender<()>>)>(WAITING_LINES_MAX);
        let writer = std::thread::spawn(move || {
            let mut out = out;
            while let Some(first) = waiting.blocking_recv() {
                let mut batch = vec![first];
                while let Ok(more) = waiting.try_recv() {
                    batch.push(more);
                }
                let text: Vec<u8> = batch.iter().flat_map(|(line, _)| line.iter().copied()).collect();
                out.write_all(&text)?;
                out.sync_data()?;
                for waiter in batch.into_iter().filter_map(|(_, waiter)| waiter) {
                    // Who no longer waits has given up on its own account.
                    let _gone = waiter.send(());
                }
            }
            Ok(())
        });
        Ok(Self { lines, writer })
    }

    /// Writes a line and returns when it is on disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn keep(&self, entry: &impl Serialize) -> Result<()> {
        let (kept, on_disk) = oneshot::channel();
        self.hand_over(entry, Some(kept)).await?;
        on_disk.await.context("the journal cannot be written")
    }

    /// Writes a line soon; [`Self::close`] waits for it.
    ///
    /// # Errors
    /// When the disk has failed.
    pub async fn note(&self, entry: &impl Serialize) -> Result<()> {
        self.hand_over(entry, None).await
    }

    async fn hand_over(&self, entry: &impl Serialize, kept: Option<oneshot::Sender<()>>) -> Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.lines.send((line, kept)).await.ok().context("the journal cannot be written")
    }

    /// Returns when everything is on disk.
    ///
    /// # Errors
    /// When the disk failed.
    pub async fn close(self) -> Result<()> {
        drop(self.lines);
        let writer = self.writer;
        tokio::task::spawn_blocking(move || writer.join()).await?.ok().context("the journal's thread died")?
    }
}

/// All entries of a file. A last line without an end, as a crash of the writer leaves it, does not count.
///
/// # Errors
/// When the file cannot be read or a line makes no sense.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>> {
    let mut from = BufReader::new(File::open(file).with_context(|| file.display().to_string())?);
    let (mut entries, mut line) = (Vec::new(), String::new());
    while from.read_line(&mut line)? > 0 && line.ends_with('\n') {
        entries.push(serde_json::from_str(&line).with_context(|| format!("{}: line {}", file.display(), entries.len() + 1))?);
        line.clear();
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_kept_is_read_back_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(DEEDS);
        let journal = Journal::create(&file).unwrap();
        let deed = |number| Deed {
            key: Uuid::from_u128(number),
            actor: "ann".into(),
            room: "room".into(),
            what: What::Send { text: "two\nlines".into() },
            asked_us: 1,
            answered_us: 2,
            attempts: 1,
            outcome: Outcome::Acknowledged { number: Some(1), version: 2 },
        };
        journal.note(&deed(1)).await.unwrap();
        journal.keep(&deed(2)).await.unwrap();
        assert_eq!(read::<Deed>(&file).unwrap(), [deed(1), deed(2)], "kept means: on disk before the journal is closed");
        journal.close().await.unwrap();
        File::options().append(true).open(&file).unwrap().write_all(b"{\"key\":").unwrap();
        assert_eq!(read::<Deed>(&file).unwrap().len(), 2);
        assert!(Journal::create(&file).is_err(), "a journal is never continued by another run");
    }
}
