//! A stream of messages from several writers, while something happens to the processes; then the check of what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use e2e::patience::{LATE, until};
use e2e::person::{Person, key};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Writers side by side; each sends its next message when the last one is acknowledged.
const WRITERS: usize = 8;

/// Writers at work.
pub struct Stream {
    room: String,
    reader: Person,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    writers: JoinSet<Result<Vec<Acknowledged>>>,
}

/// What the server promised to one writer.
struct Acknowledged {
    number: u64,
    text: String,
    read_token: Option<String>,
}

impl Stream {
    /// Starts the writers; each of them tries the command-api addresses `nodes` in turn when one does not answer.
    pub async fn start(owner: &Person, nodes: &[String], name: &str) -> Result<Self> {
        let room = owner.create_room("private", name).await?;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let person = Person::sign_in(&owner.at, &format!("writer-{writer}-{}", infra::random::uuid_v4().simple())).await?;
            owner.add_member(&room, &person.id).await?;
            let mut nodes = nodes.to_vec();
            let shift = writer % nodes.len().max(1);
            nodes.rotate_left(shift);
            writers.spawn(write(person, room.clone(), nodes, Arc::clone(&stop), Arc::clone(&acknowledged)));
        }
        Ok(Self { room, reader: owner.clone(), stop, acknowledged, writers })
    }

    /// The room that is written to.
    pub fn room(&self) -> &str {
        &self.room
    }

    /// As [`Stream::finish`], read by `reader`.
    pub async fn finish_by(self, reader: Person) -> Result<usize> {
        Self { reader, ..self }.finish().await
    }

    /// Returns when so many more messages were acknowledged.
    pub async fn progress(&self, more: u64) -> Result<()> {
        let goal = self.acknowledged.load(Ordering::Relaxed) + more;
        let reached = || async { Ok((self.acknowledged.load(Ordering::Relaxed) >= goal).then_some(())) };
        until(&format!("{more} more acknowledged messages"), LATE, reached).await
    }

    /// Stops the writers and checks: every acknowledged message is there exactly once under its number, in each writer's
    /// order, numbers are dense, and nothing is there that nobody sent. Returns how many there are.
    pub async fn finish(mut self) -> Result<usize> {
        self.stop.store(true, Ordering::Relaxed);
        let mut acknowledged: Vec<Acknowledged> = Vec::new();
        while let Some(writer) = self.writers.join_next().await {
            let own = writer??;
            ensure!(own.is_sorted_by_key(|message| message.number), "a writer's numbers do not rise");
            acknowledged.extend(own);
        }
        acknowledged.sort_by_key(|message| message.number);
        let last = acknowledged.last().context("nothing was acknowledged")?;
        let history =
            until("the history", LATE, || async { Ok(Some(self.reader.history(&self.room, last.read_token.as_deref()).await?)) })
                .await?;
        check(&acknowledged, &history)?;
        Ok(history.len())
    }
}

async fn write(
    person: Person,
    room: String,
    nodes: Vec<String>,
    stop: Arc<AtomicBool>,
    count: Arc<AtomicU64>,
) -> Result<Vec<Acknowledged>> {
    let path = format!("/chat/rooms/{room}/messages");
    let mut acknowledged = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let text = format!("{} says {}", person.id, acknowledged.len());
        let answer = person.insist(&nodes, Method::POST, &path, Some(&json!({ "text": text })), key()).await?;
        acknowledged.push(Acknowledged { number: answer.number("/number")?, text, read_token: answer.read_token });
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(acknowledged)
}

fn check(acknowledged: &[Acknowledged], history: &[Value]) -> Result<()> {
    let mut by_number = BTreeMap::new();
    for (message, expected) in history.iter().zip(1_u64..) {
        let number = message.get("number").and_then(Value::as_u64).context("no number")?;
        ensure!(number == expected, "numbers are not dense: {number} where {expected} should be");
        by_number.insert(number, message.get("text").and_then(Value::as_str).context("no text")?);
    }
    for message in acknowledged {
        let there = by_number.get(&message.number).copied();
        ensure!(
            there == Some(message.text.as_str()),
            "acknowledged {} as {}, but there is {there:?}",
            message.text,
            message.number
        );
    }
    // Every writer insists until its message is acknowledged: so what is there is what was acknowledged, and nothing twice.
    ensure!(
        history.len() == acknowledged.len(),
        "{} messages are there, {} were acknowledged",
        history.len(),
        acknowledged.len()
    );
    Ok(())
}
