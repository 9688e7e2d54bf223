//! A steady load: writers who say what the real logs say, over many rooms, and insist; followers who listen. What they were
//! promised and told is journaled ([`crate::journal`]), for the checker to judge.

mod follower;
mod progress;
mod script;
mod writer;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::journal::{DEEDS, HEARD, Journal};
use crate::patience::{LATE, until};
use crate::person::Person;
use crate::system::Addresses;
use follower::Follower;
pub use progress::Progress;
pub use script::{Said, Script};
use writer::Writer;

/// People who are signed in at once.
const SIGN_INS_AT_ONCE: usize = 8;

/// How much load.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Rooms, of all archives together.
    pub rooms: usize,
    /// Writers; each waits for its answer before it goes on.
    pub writers: usize,
    /// How long a writer rests between two commands, on average.
    pub pause: Duration,
    /// Clients of the live feed; each follows all rooms.
    pub followers: usize,
    /// The seed of everything random.
    pub seed: u64,
}

/// Which nodes the clients know. Where there is no gateway, each client goes from node to node by itself.
#[derive(Debug, Clone)]
pub struct Nodes {
    /// Addresses of command-api.
    pub command: Vec<String>,
    /// Addresses of query-api.
    pub query: Vec<String>,
    /// The address of auth-api.
    pub auth: String,
    /// Addresses of this machine that the commands come from, person by person in turn; any one where there are none.
    pub from: Vec<IpAddr>,
}

/// Load at work.
pub struct Load {
    ground: Arc<Ground>,
    /// Whether it is made of the real logs.
    pub is_real: bool,
    writers: JoinSet<Result<()>>,
    followers: JoinSet<Result<()>>,
    writers_stop: CancellationToken,
    followers_stop: CancellationToken,
}

/// What all clients share.
struct Ground {
    command: Vec<String>,
    query: Vec<String>,
    pause: Duration,
    seed: u64,
    progress: Progress,
    deeds: Journal,
    heard: Journal,
}

/// A room of the load.
#[derive(Debug, Clone)]
struct Room {
    id: String,
}

impl Load {
    /// Signs everybody in, makes the rooms, and begins. The journals are made in `folder`.
    ///
    /// # Errors
    /// When the system does not take the first commands.
    pub async fn start(folder: &Path, nodes: &Nodes, options: &Options) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let script = Script::load(folder, options.rooms, options.writers)?;
        let ground = Arc::new(Ground {
            command: nodes.command.clone(),
            query: nodes.query.clone(),
            pause: options.pause,
            seed: options.seed,
            progress: Progress::default(),
            deeds: Journal::create(&folder.join(DEEDS))?,
            heard: Journal::create(&folder.join(HEARD))?,
        });
        let people = sign_in(nodes, options).await?;
        let (writing, following) = people.split_at(options.writers);
        let first =
            Writer::new(0, writing.first().context("no writers")?.clone(), Vec::new(), Arc::from([]), Arc::clone(&ground));
        let mut rooms = Vec::new();
        for name in &script.rooms {
            rooms.push(first.enter(None, name).await?);
        }
        let rooms: Arc<[Room]> = rooms.into();
        let mut load = Self {
            ground: Arc::clone(&ground),
            is_real: script.is_real,
            writers: JoinSet::new(),
            followers: JoinSet::new(),
            writers_stop: CancellationToken::new(),
            followers_stop: CancellationToken::new(),
        };
        for (place, person) in following.iter().enumerate() {
            let follower = Follower::new(place, person.clone(), Arc::clone(&rooms), Arc::clone(&ground));
            load.followers.spawn(follower.work(place, load.followers_stop.clone()));
        }
        for ((place, person), said) in writing.iter().enumerate().zip(script.writers) {
            let needed: Vec<usize> = if place == 0 { Vec::new() } else { used(&said) };
            let writer = Writer::new(place, person.clone(), said, Arc::clone(&rooms), Arc::clone(&ground));
            let (rooms, stop) = (Arc::clone(&rooms), load.writers_stop.clone());
            load.writers.spawn(async move {
                for room in needed.into_iter().filter_map(|room| rooms.get(room)) {
                    writer.enter(Some(room), &room.id).await?;
                }
                writer.work(stop).await
            });
        }
        Ok(load)
    }

    /// How it gets on.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.ground.progress
    }

    /// Returns when so many more commands were acknowledged.
    ///
    /// # Errors
    /// When they are not, in time, or a client failed.
    pub async fn more(&mut self, count: usize) -> Result<()> {
        let goal = self.progress().acknowledged() + count;
        self.wait(&format!("{count} more acknowledged commands"), |progress| progress.acknowledged() >= goal).await
    }

    /// Returns when `reached` says so.
    ///
    /// # Errors
    /// When it does not in time, or a client failed.
    pub async fn wait(&mut self, what: &str, reached: impl Fn(&Progress) -> bool) -> Result<()> {
        let ground = Arc::clone(&self.ground);
        until(what, LATE, || async { Ok(reached(&ground.progress).then_some(())) }).await?;
        for clients in [&mut self.writers, &mut self.followers] {
            while let Some(ended) = clients.try_join_next() {
                ended?.context("a client of the load failed")?;
            }
        }
        Ok(())
    }

    /// Stops the writers, waits until the followers have heard everything, and closes the journals.
    ///
    /// # Errors
    /// When a client failed, or a follower does not hear everything in time.
    pub async fn finish(mut self) -> Result<()> {
        self.writers_stop.cancel();
        while let Some(ended) = self.writers.join_next().await {
            ended?.context("a writer failed")?;
        }
        let versions = self.progress().versions();
        self.wait("everything heard by all followers", |progress| progress.followed_to(&versions)).await?;
        self.followers_stop.cancel();
        while let Some(ended) = self.followers.join_next().await {
            ended?.context("a follower failed")?;
        }
        let Ground { deeds, heard, .. } = Arc::into_inner(self.ground).context("somebody still works")?;
        deeds.close().await?;
        heard.close().await
    }
}

/// The rooms that somebody speaks in.
fn used(said: &[Said]) -> Vec<usize> {
    let mut rooms: Vec<usize> = said.iter().map(|said| said.room).collect();
    rooms.sort_unstable();
    rooms.dedup();
    rooms
}

async fn sign_in(nodes: &Nodes, options: &Options) -> Result<Vec<Person>> {
    use futures_util::{StreamExt as _, TryStreamExt as _};
    let first = |nodes: &[String]| nodes.first().cloned().context("no node");
    let at = Addresses { command: first(&nodes.command)?, query: first(&nodes.query)?, auth: nodes.auth.clone() };
    let names = (0..options.writers).map(|number| format!("writer-{number}"));
    let names: Vec<String> = names.chain((0..options.followers).map(|number| format!("follower-{number}"))).collect();
    let from = |place: usize| nodes.from.get(place % nodes.from.len().max(1)).copied();
    let people = names.iter().enumerate().map(|(place, name)| Person::sign_in_from(&at, name, from(place)));
    futures_util::stream::iter(people).buffered(SIGN_INS_AT_ONCE).try_collect().await
}
