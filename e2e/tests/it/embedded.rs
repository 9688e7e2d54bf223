//! One process on the embedded log and SQLite.

use anyhow::Result;
use e2e::person::Person;
use e2e::system::Embedded;

use crate::scenarios::conversation;
use crate::scenarios::presence;
use crate::scenarios::stream::Stream;
use crate::stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversation() -> Result<()> {
    let stage = stage("embedded-conversation").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let at = system.addresses();
    conversation::what_is_written_arrives(&at).await?;
    conversation::a_repeat_changes_nothing(&at).await?;
    conversation::who_is_removed_is_cut_off(&at).await?;
    conversation::a_client_resumes_where_it_was(&at).await?;
    presence::friends_see_each_other(&at, &at).await?;
    system.node.stop().await
}

/// The process is killed again and again in the middle of a stream of messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_nothing_and_doubles_nothing() -> Result<()> {
    const KILLS: usize = 3;
    let stage = stage("embedded-kill").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let at = system.addresses();
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, std::slice::from_ref(&at.command), "kill").await?;
    for _ in 0..KILLS {
        stream.progress(50).await?;
        system.node.kill().await?;
        system.node.start().await?;
    }
    stream.progress(50).await?;
    stream.finish().await?;
    system.node.stop().await
}

/// A planned stop in the middle of the stream is answered in an orderly way, and everything goes on after the start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_planned_stop_loses_nothing() -> Result<()> {
    let stage = stage("embedded-stop").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let at = system.addresses();
    let ann = Person::sign_in(&at, "ann").await?;
    let stream = Stream::start(&ann, std::slice::from_ref(&at.command), "stop").await?;
    stream.progress(50).await?;
    system.node.stop().await?;
    system.node.start().await?;
    stream.progress(50).await?;
    stream.finish().await?;
    system.node.stop().await
}
