//! A read model is rebuilt from the command line, while people write and sockets are open.

use anyhow::{Context, Result, ensure};
use e2e::live::Live;
use e2e::patience::{LATE, until};
use e2e::person::Person;
use e2e::process::Node;
use e2e::system::{Cluster, Embedded, servers};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::scenarios::stream::Stream;
use crate::stage;

/// A socket that checks every frame of the stream's room; ends only when one is wrong or missing.
async fn listening(person: &Person, room: &str) -> Result<JoinHandle<Result<()>>> {
    let mut live = Live::open(person).await?;
    live.subscribe(room, None).await?;
    let room = room.to_owned();
    Ok(tokio::spawn(async move {
        loop {
            live.next_message(&room).await?;
        }
    }))
}

async fn still_listening(socket: JoinHandle<Result<()>>) -> Result<()> {
    if socket.is_finished() {
        return socket.await?;
    }
    socket.abort();
    Ok(())
}

async fn status(node: &Node) -> Result<Value> {
    let said = node.tool(&["projections", "status", "--json"], &[]).await?;
    let models: Vec<Value> = serde_json::from_str(&said)?;
    models.into_iter().next().context("no read model")
}

fn live_generation(status: &Value) -> Option<u64> {
    status.pointer("/live/generation").and_then(Value::as_u64)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_from_the_command_line_and_everything_around_it() -> Result<()> {
    let stage = stage("embedded-rebuild").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let ann = Person::sign_in(&system.addresses(), "ann").await?;
    let stream = Stream::start(&ann, &[system.node.public_url()], "rebuild").await?;
    stream.progress(50).await?;
    let socket = listening(&ann, stream.room()).await?;
    let node = &system.node;
    let said = node.tool(&["projections", "rebuild", "timeline"], &[]).await?;
    ensure!(said.contains("generation 2 of timeline is live") && !said.contains("DIFFER"), "{said}");
    stream.progress(50).await?;
    let refused = node.tool(&["projections", "rebuild", "timeline"], &[]).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("generation 1 is still kept; drop it first")));
    let said = node.tool(&["projections", "switch-back", "timeline"], &[]).await?;
    ensure!(said.contains("generation 1 of timeline is live"), "{said}");
    let said = node.tool(&["projections", "switch-back", "timeline"], &[]).await?;
    ensure!(said.contains("generation 2 of timeline is live"), "{said}");
    stream.progress(50).await?;
    still_listening(socket).await?;

    // What is decided outlives the process.
    system.node.kill().await?;
    system.node.start().await?;
    let node = &system.node;
    ensure!(live_generation(&status(node).await?) == Some(2));
    let said = node.tool(&["projections", "drop-old", "timeline"], &[]).await?;
    ensure!(said.contains("leaving   generation 1"), "{said}");
    let gone = until("the old generation is gone", LATE, || async {
        let status = status(node).await?;
        Ok(status.get("dropping").and_then(Value::as_array).is_some_and(Vec::is_empty).then_some(status))
    });
    ensure!(live_generation(&gone.await?) == Some(2));
    let said = node.tool(&["projections", "rebuild", "timeline", "--hold"], &[]).await?;
    ensure!(said.contains("verified, waits for `switch`"), "{said}");
    let said = node.tool(&["projections", "abandon", "timeline"], &[]).await?;
    ensure!(said.contains("leaving   generation 3"), "{said}");

    let said = node.tool(&["parked", "list"], &[]).await?;
    ensure!(said.contains("nothing is parked"), "{said}");
    let refused = node.tool(&["parked", "retry", "rooms.v1-0-7"], &[]).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("no parked event rooms.v1-0-7 waits for anybody")));
    stream.progress(20).await?;
    stream.finish().await?;
    system.node.stop().await
}

/// Two projectors share the work; one is killed in the middle of it, and the other one is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_over_two_nodes_of_which_one_dies() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-rebuild").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 2).await?;
    let ann = Person::sign_in(&system.addresses(0, 0)?, "ann").await?;
    let stream = Stream::start(&ann, &system.command_urls(), "rebuild").await?;
    stream.progress(100).await?;
    let mut elsewhere = ann.clone();
    elsewhere.at = system.addresses(0, 1)?;
    let sockets = [listening(&ann, stream.room()).await?, listening(&elsewhere, stream.room()).await?];
    let asked = system.projectors.get(1).context("no node")?;
    asked.tool(&["projections", "rebuild", "timeline", "--detach"], &[]).await?;
    system.projectors.get_mut(0).context("no node")?.kill().await?;
    let asked = system.projectors.get(1).context("no node")?;
    until("the new generation is live", LATE, || async { Ok((live_generation(&status(asked).await?) == Some(2)).then_some(())) })
        .await?;
    stream.progress(100).await?;
    for socket in sockets {
        still_listening(socket).await?;
    }
    // Read through the other query-api, with the read token of the last message.
    stream.finish_by(elsewhere).await?;
    Ok(())
}
