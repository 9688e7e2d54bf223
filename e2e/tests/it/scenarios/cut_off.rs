//! How soon somebody who may no longer take part is out, at every node: for commands, for queries, and on a socket that is open.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::live::Live;
use e2e::patience::{SOON, until};
use e2e::person::{PASSWORD, Person, key};
use e2e::process::Node;
use e2e::proof;
use e2e::system::Addresses;
use futures_util::future::{BoxFuture, FutureExt as _, try_join_all};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// What is promised. The best of the rounds must keep it: on a busy machine any single one may wait for the processor.
const PROMISED: Duration = Duration::from_secs(1);
/// How often each way is tried.
const ROUNDS: usize = 3;

/// How somebody comes to be out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    SignsOut,
    LeavesForGood,
    IsShutOut,
    IsRemoved,
}

impl Way {
    const ALL: [Self; 4] = [Self::SignsOut, Self::LeavesForGood, Self::IsShutOut, Self::IsRemoved];

    const fn name(self) -> &'static str {
        match self {
            Self::SignsOut => "signed out",
            Self::LeavesForGood => "left for good",
            Self::IsShutOut => "shut out by an administrator",
            Self::IsRemoved => "removed from the room",
        }
    }
}

/// Bob of Ann's room, at every node.
struct Round<'a> {
    ann: Person,
    bob: Person,
    room: String,
    nodes: &'a [Addresses],
}

/// Every way out, measured at each of `nodes`. `tools` runs the command line.
pub async fn within_a_second_at_every_node(nodes: &[Addresses], tools: &Node) -> Result<()> {
    for way in Way::ALL {
        let mut took: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for (door, after) in Round::begin(nodes).await?.end(way, tools).await? {
                took.entry(door).or_default().push(after);
            }
        }
        ensure!(took.len() == 3 * nodes.len(), "not every door was measured: {took:?}");
        for (door, took) in took {
            let (best, worst) = (took.iter().min().context("no round")?, took.iter().max().context("no round")?);
            ensure!(*best < PROMISED, "{}: {door} let somebody through for {took:?}", way.name());
            let rounds = format!("{} to {} ms, in {ROUNDS} rounds", best.as_millis(), worst.as_millis());
            proof::record(&format!("{}; {door} is closed after", way.name()), &rounds)?;
        }
    }
    Ok(())
}

impl<'a> Round<'a> {
    async fn begin(nodes: &'a [Addresses]) -> Result<Self> {
        let at = nodes.first().context("no node")?;
        let (ann, bob) = (Person::sign_in(at, &super::fresh("ann")).await?, Person::sign_in(at, &super::fresh("bob")).await?);
        let room = ann.create_room("private", "cut off").await?;
        let added = ann.add_member(&room, &bob.id).await?;
        let round = Self { ann, bob, room, nodes };
        for bob in round.bobs() {
            let shown = async || {
                let answer = bob.query(&format!("/chat/rooms/{}", round.room), added.read_token.as_deref()).await?;
                Ok(answer.status.is_success().then_some(()))
            };
            until("the room at every node", SOON, shown).await?;
        }
        Ok(round)
    }

    /// Bob, at each node.
    fn bobs(&self) -> impl Iterator<Item = Person> {
        self.nodes.iter().map(|at| {
            let mut bob = self.bob.clone();
            bob.at.clone_from(at);
            bob
        })
    }

    /// Bob is out from now on. How long each door stayed open after that was answered.
    async fn end(self, way: Way, tools: &Node) -> Result<Vec<(String, Duration)>> {
        let mut sockets = Vec::new();
        for bob in self.bobs() {
            let mut live = Live::open(&bob).await?;
            live.subscribe(&self.room, None).await?;
            sockets.push(live);
        }
        match way {
            Way::SignsOut => drop(self.bob.user(Method::POST, "/user/logout", None, key()).await?.success()?),
            Way::LeavesForGood => {
                let password = json!({ "password": PASSWORD });
                self.bob.user(Method::DELETE, "/user/me", Some(&password), key()).await?.success()?;
            }
            Way::IsShutOut => drop(tools.tool(&["admin", "disable", &self.bob.id], &[]).await?),
            Way::IsRemoved => {
                let path = format!("/chat/rooms/{}/members/{}", self.room, self.bob.id);
                self.ann.insist(std::slice::from_ref(&self.ann.at.command), Method::DELETE, &path, None, key()).await?;
            }
        }
        let since = Instant::now();
        let mut doors: Vec<BoxFuture<'_, Result<(String, Duration)>>> = Vec::new();
        for (number, (bob, live)) in self.bobs().zip(sockets).enumerate() {
            let timed = move |what: &str| (format!("{what} of node {}", number + 1), since.elapsed());
            let (room, commanding) = (&self.room, bob.clone());
            doors.push(
                async move {
                    let (path, body) = (format!("/chat/rooms/{room}/messages"), json!({ "text": "too late" }));
                    let refused = async || {
                        let answer = commanding.command(Method::POST, &path, Some(&body), key()).await?;
                        Ok(is_out(way, answer.status, answer.code()).then_some(()))
                    };
                    until("a command is refused", SOON, refused).await?;
                    Ok(timed("the way in for commands"))
                }
                .boxed(),
            );
            doors.push(
                async move {
                    let refused = async || {
                        let answer = bob.query(&format!("/chat/rooms/{room}/messages"), None).await?;
                        Ok(is_out(way, answer.status, answer.code()).then_some(()))
                    };
                    until("a query is refused", SOON, refused).await?;
                    Ok(timed("the way in for queries"))
                }
                .boxed(),
            );
            doors.push(
                async move {
                    told(way, live).await?;
                    Ok(timed("a socket"))
                }
                .boxed(),
            );
        }
        try_join_all(doors).await
    }
}

/// Whether that is the refusal of somebody who is out.
fn is_out(way: Way, status: StatusCode, code: &str) -> bool {
    match way {
        Way::IsRemoved => status == StatusCode::NOT_FOUND && code == "room-not-found",
        Way::SignsOut | Way::LeavesForGood | Way::IsShutOut => status == StatusCode::UNAUTHORIZED && code == "token-revoked",
    }
}

/// Waits until the socket says that it is over, or that the room is.
async fn told(way: Way, mut live: Live) -> Result<()> {
    if way != Way::IsRemoved {
        return live.closed().await.map(drop);
    }
    let frame = live.next_of(&["error"]).await?;
    ensure!(frame.get("code") == Some(&json!("removed")), "{frame}");
    Ok(())
}
