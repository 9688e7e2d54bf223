//! Processes by role on real Kafka and Postgres.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::person::Person;
use e2e::process::Signal;
use e2e::system::{Cluster, SESSION_TIMEOUT_MS, servers};

use crate::scenarios::stream::Stream;
use crate::scenarios::{conversation, cut_off, presence};
use crate::stage;

/// How long the replay and the first commands may take after the session time-out, on a busy machine.
const TAKE_OVER: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversation_over_two_nodes_of_each_role() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-conversation").await?;
    let system = Cluster::start(&stage.folder, &servers, 2).await?;
    for (command, query) in [(0, 1), (1, 0)] {
        let at = system.addresses(command, query)?;
        conversation::what_is_written_arrives(&at).await?;
        conversation::a_repeat_changes_nothing(&at).await?;
        conversation::who_is_removed_is_cut_off(&at).await?;
        conversation::a_client_resumes_where_it_was(&at).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_crosses_nodes_over_kafka() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-presence").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 2).await?;
    let (at, elsewhere) = (system.addresses(0, 0)?, system.addresses(1, 1)?);
    presence::friends_see_each_other(&at, &elsewhere).await?;
    presence::friends_see_each_other(&system.addresses(0, 1)?, &elsewhere).await?;
    // A node that is gone without a word takes the presence of its people with it.
    let (ann, bob, _bobs) = presence::two_friends_online(&at, &elsewhere).await?;
    system.query.get_mut(1).context("no node")?.kill().await?;
    presence::was_last_seen(&ann, &bob).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_no_longer_is_out_within_a_second_at_every_node() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-cut-off").await?;
    let system = Cluster::start(&stage.folder, &servers, 2).await?;
    let tools = system.command.first().context("no node")?;
    cut_off::within_a_second_at_every_node(&[system.addresses(0, 0)?, system.addresses(1, 1)?], tools).await
}

/// Either node may own the room: the one is killed, later the other, so that the owner is hit for certain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_the_owner_hands_over_and_loses_nothing() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-kill").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 2).await?;
    let at = system.addresses(0, 0)?;
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, &system.command_urls(), "kill").await?;
    stream.progress(50).await?;
    for index in [0, 1] {
        let node = system.command.get_mut(index).context("no node")?;
        node.kill().await?;
        let began = Instant::now();
        stream.progress(50).await?;
        let limit = Duration::from_millis(SESSION_TIMEOUT_MS) + TAKE_OVER;
        ensure!(began.elapsed() < limit, "took over after {:?}, the limit is {limit:?}", began.elapsed());
        system.command.get_mut(index).context("no node")?.start().await?;
        stream.progress(50).await?;
    }
    stream.finish().await?;
    Ok(())
}

/// A planned stop does not wait for the session time-out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_stop_hands_over_quickly() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-stop").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 2).await?;
    let at = system.addresses(0, 0)?;
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, &system.command_urls(), "stop").await?;
    stream.progress(50).await?;
    for index in [0, 1] {
        system.command.get_mut(index).context("no node")?.stop().await?;
        stream.progress(50).await?;
        system.command.get_mut(index).context("no node")?.start().await?;
        stream.progress(50).await?;
    }
    stream.finish().await?;
    Ok(())
}

/// A frozen owner comes back after another has taken over: it must not answer from its old state, nor append.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frozen_owner_is_fenced() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-freeze").await?;
    let system = Cluster::start(&stage.folder, &servers, 2).await?;
    let at = system.addresses(0, 0)?;
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, &system.command_urls(), "freeze").await?;
    stream.progress(50).await?;
    for index in [0, 1] {
        system.command.get(index).context("no node")?.signal(Signal::Stop).await?;
        stream.progress(30).await?;
        system.command.get(index).context("no node")?.signal(Signal::Continue).await?;
        stream.progress(50).await?;
    }
    stream.finish().await?;
    Ok(())
}

/// Projectors and query nodes are killed while messages flow; readers see everything in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_of_projectors_and_query_nodes_loses_nothing() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("cluster-read-side").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 2).await?;
    let at = system.addresses(0, 0)?;
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, &system.command_urls(), "read side").await?;
    for index in [0, 1] {
        stream.progress(50).await?;
        system.projectors.get_mut(index).context("no node")?.kill().await?;
        system.query.get_mut(index).context("no node")?.kill().await?;
        stream.progress(50).await?;
        system.projectors.get_mut(index).context("no node")?.start().await?;
        system.query.get_mut(index).context("no node")?.start().await?;
    }
    stream.finish().await?;
    Ok(())
}
