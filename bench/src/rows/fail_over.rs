//! What a client waits when the node that owns its room goes away: killed without warning, and stopped in good order. Two nodes of
//! command-api in processes of their own; writers in rooms of every partition, who go to the other node when one does not answer, as
//! a careful client does. The figure is the longest time that one message took, from its first attempt.
//!
//! The logs are short, and each node has owned each partition before: what reading a long log takes is the row `replay`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use e2e::patience::{LATE, until};
use e2e::person::{Person, key};
use e2e::system::{Cluster, SESSION_TIMEOUT_MS, Servers};
use futures_util::future::try_join_all;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::read_model::POSTGRES_VARIABLE;
use crate::row::{Line, On, Row, Target, Unit};
use crate::runs::{in_turns, nothing};
use crate::scale::Scale;
use crate::world::KAFKA_VARIABLE;

/// Rooms with a writer each: so many that every partition has some.
const ROOMS: usize = 16;
/// What a writer waits between two messages.
const PAUSE: Duration = Duration::from_millis(20);
/// What a writer waits before it tries the other node.
const RETRY: Duration = Duration::from_millis(5);
/// Messages of each writer that are waited for, so that no one has yet to notice what happened.
const MESSAGES: usize = 5;
/// After a node has come back, until the next one goes: the group has settled by then.
const SETTLE: Duration = Duration::from_secs(4);
/// What a fail-over may take beside the session time-out.
const BESIDE_SESSION: f64 = 1.0;
/// What a planned hand-over may take.
const HAND_OVER_MAX: f64 = 0.2;

/// The row.
pub struct FailOver;

#[async_trait(?Send)]
impl Row for FailOver {
    fn name(&self) -> &'static str {
        "fail-over"
    }

    fn on(&self) -> &'static [On] {
        &[On::Kafka3]
    }

    async fn measure(&self, _on: On, scale: Scale) -> Result<Vec<Line>> {
        let folder = tempfile::tempdir()?;
        let mut stage = Stage::start(folder.path()).await?;
        let planned = in_turns(scale, async || stage.longest(Gone::Stopped).await, nothing).await?;
        let killed = in_turns(scale, async || stage.longest(Gone::Killed).await, nothing).await?;
        stage.end().await?;
        let session = Duration::from_millis(SESSION_TIMEOUT_MS).as_secs_f64();
        Ok(vec![
            Line {
                what: "planned stop of an owner, longest wait".to_owned(),
                unit: Unit::Seconds,
                figure: planned.ours.median(0)?,
                limit: None,
                target: Target::AtMost(HAND_OVER_MAX),
                load: planned.load,
            },
            Line {
                what: "kill -9 of an owner, longest wait (limit: session)".to_owned(),
                unit: Unit::Seconds,
                figure: killed.ours.median(0)?,
                limit: Some(session),
                target: Target::AtMost(session + BESIDE_SESSION),
                load: killed.load,
            },
        ])
    }
}

/// How a node goes away.
#[derive(Clone, Copy)]
enum Gone {
    Killed,
    Stopped,
}

/// The system, and its writers.
struct Stage {
    system: Cluster,
    writers: Vec<Writer>,
    stop: Arc<AtomicBool>,
}

impl Stage {
    async fn start(folder: &std::path::Path) -> Result<Self> {
        let given = |name: &str| std::env::var(name).with_context(|| format!("{name} names no server"));
        let servers = Servers { kafka: given(KAFKA_VARIABLE)?, postgres: given(POSTGRES_VARIABLE)? };
        let many = "10000".to_owned();
        let rates = [("rate.commands_per_second", many.clone()), ("rate.commands_burst", many)];
        let mut system = Cluster::start_with(folder, &servers, 2, &rates).await?;
        let author = Person::sign_in(&system.addresses(0, 0)?, "author").await?;
        let rooms = (0..ROOMS).map(|room| {
            let (author, name) = (&author, format!("room {room}"));
            async move { author.create_room("private", &name).await }
        });
        let rooms = try_join_all(rooms).await?;
        // Nobody reads here, and nobody else registers.
        for node in system.projectors.iter_mut().chain(&mut system.query).chain([&mut system.orchestrator]) {
            node.stop().await?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writer = |(index, room)| {
            let mut nodes = system.command_urls();
            nodes.rotate_left(index % 2);
            Writer::start(author.clone(), room, nodes, Arc::clone(&stop))
        };
        let writers = rooms.into_iter().enumerate().map(writer).collect();
        let mut stage = Self { system, writers, stop };
        stage.messages_after(Instant::now()).await?;
        tokio::time::sleep(SETTLE).await;
        Ok(stage)
    }

    /// Lets one node after the other go and come back: one of them, at least, owned something. Gives the longest wait in seconds.
    async fn longest(&mut self, gone: Gone) -> Result<Vec<f64>> {
        let mut longest = Duration::ZERO;
        for index in 0..2 {
            let began = Instant::now();
            let node = self.system.command.get_mut(index).context("no node")?;
            match gone {
                Gone::Killed => node.kill().await?,
                Gone::Stopped => node.stop().await?,
            }
            self.messages_after(Instant::now()).await?;
            let waits = self.writers.iter().map(|writer| writer.longest_since(began));
            longest = waits.max().into_iter().fold(longest, Duration::max);
            self.system.command.get_mut(index).context("no node")?.start().await?;
            self.messages_after(Instant::now()).await?;
            tokio::time::sleep(SETTLE).await;
        }
        Ok(vec![longest.as_secs_f64()])
    }

    /// Waits until every writer has said [`MESSAGES`] that it began after `then`.
    async fn messages_after(&mut self, then: Instant) -> Result<()> {
        for writer in &mut self.writers {
            let there = || async { Ok((writer.task.is_finished() || writer.began_since(then) >= MESSAGES).then_some(())) };
            if until("messages of every writer", LATE, there).await.is_err() {
                bail!("a writer's messages do not arrive any more: {:?}", *writer.complaint.borrow());
            }
            if writer.task.is_finished() {
                (&mut writer.task).await??;
                bail!("a writer has ended");
            }
        }
        Ok(())
    }

    async fn end(mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.task.await??;
        }
        for node in &mut self.system.command {
            node.stop().await?;
        }
        self.system.auth.stop().await
    }
}

/// Somebody who says one thing after the other.
struct Writer {
    /// When each message was begun, and when it was acknowledged.
    said: watch::Receiver<Vec<(Instant, Instant)>>,
    /// What the last attempt failed at.
    complaint: watch::Receiver<String>,
    task: JoinHandle<Result<()>>,
}

impl Writer {
    fn start(person: Person, room: String, nodes: Vec<String>, stop: Arc<AtomicBool>) -> Self {
        let (tell, said) = watch::channel(Vec::new());
        let (complain, complaint) = watch::channel(String::new());
        let task = tokio::spawn(write(person, room, nodes, stop, tell, complain));
        Self { said, complaint, task }
    }

    fn began_since(&self, then: Instant) -> usize {
        self.said.borrow().iter().rev().take_while(|(began, _)| *began >= then).count()
    }

    /// The longest that a message took that was acknowledged after `then`.
    fn longest_since(&self, then: Instant) -> Duration {
        let said = self.said.borrow();
        let recent = said.iter().rev().take_while(|(_, ended)| *ended >= then);
        recent.map(|(began, ended)| ended.duration_since(*began)).max().unwrap_or_default()
    }
}

async fn write(
    mut person: Person,
    room: String,
    nodes: Vec<String>,
    stop: Arc<AtomicBool>,
    said: watch::Sender<Vec<(Instant, Instant)>>,
    complaint: watch::Sender<String>,
) -> Result<()> {
    let path = format!("/chat/rooms/{room}/messages");
    let body = json!({ "text": "one after the other" });
    let mut nodes = nodes.iter().cycle();
    person.at.command.clone_from(nodes.next().context("no node")?);
    while !stop.load(Ordering::Relaxed) {
        let (began, key) = (Instant::now(), key());
        loop {
            match person.command(Method::POST, &path, Some(&body), key).await {
                Ok(answer) if answer.status.is_success() => break,
                Ok(answer) => {
                    let passing = answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS;
                    ensure!(passing, "{answer:?}");
                    complaint.send_replace(format!("{answer:?}"));
                }
                Err(error) => _ = complaint.send_replace(format!("{error:#}")),
            }
            tokio::time::sleep(RETRY).await;
            person.at.command.clone_from(nodes.next().context("no node")?);
        }
        said.send_modify(|said| said.push((began, Instant::now())));
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
