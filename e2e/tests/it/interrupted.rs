//! An import whose tool is killed in the middle, and which goes on when the server has forgotten the keys of its commands: then
//! nothing but asking how far each room came keeps a message from being said twice.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::RoomId;
use e2e::chatdata::{Archive, long};
use e2e::patience::{LATE, until};
use e2e::person::{Person, key};
use e2e::process::{Node, Signal};
use e2e::readback::compare;
use e2e::system::{Addresses, Cluster, Embedded, servers};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::stage;

/// Rooms of the archive, and messages of each.
const ROOMS: usize = 2;
const MESSAGES_A_ROOM: usize = 1_000;
/// The import is interrupted when each room has come so far: versions of its stream.
const INTERRUPTED_AFTER: u64 = 100;
/// The shortest idempotency window that may be set.
const WINDOW: (&str, &str) = ("command.idempotency_window_ms", "10000");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_goes_on_after_the_idempotency_window() -> Result<()> {
    let stage = stage("import-interrupted").await?;
    let folder = &stage.folder;
    let mut system = Embedded::start_with(&folder.join("system"), &[(WINDOW.0, WINDOW.1.to_owned())]).await?;
    let at = system.addresses();
    let import = Import { node: &system.node, at: &at, archive: long(folder, ROOMS, MESSAGES_A_ROOM)?, folder, more: &[] };
    import.interrupt(&Person::sign_in(&at, "keeper").await?, async || Ok(())).await?;
    import.finish().await?;
    system.node.stop().await
}

/// The same where the queries show little of what was said, because the projector is frozen: the rooms' owners know better.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn import_goes_on_though_the_read_model_is_behind() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("import-interrupted-cluster").await?;
    let folder = &stage.folder;
    let window = [(WINDOW.0, WINDOW.1.to_owned())];
    let system = Cluster::start_with(&folder.join("system"), &servers, 1, &window).await?;
    let at = system.addresses(0, 0)?;
    let (command, projectors) = (system.command.first().context("none")?, system.projectors.first().context("none")?);
    let (query_url, internal_url) = (at.query.clone(), command.internal_url());
    let more = ["--query-url", &query_url, "--internal-url", &internal_url];
    let import = Import { node: command, at: &at, archive: long(folder, ROOMS, MESSAGES_A_ROOM)?, folder, more: &more };
    import.interrupt(&Person::sign_in(&at, "keeper").await?, async || projectors.signal(Signal::Stop).await).await?;
    let query = system.query.first().context("none")?;
    let behind = || async { Ok(query.metrics().await?.contains("sarangbang_queries_behind_total").then_some(())) };
    let thaw = async {
        until("a question that waits for the read model", LATE, behind).await?;
        projectors.signal(Signal::Continue).await
    };
    tokio::try_join!(import.finish(), thaw).map(|_| ())
}

struct Import<'a> {
    node: &'a Node,
    at: &'a Addresses,
    archive: Archive,
    folder: &'a Path,
    more: &'a [&'a str],
}

impl Import<'_> {
    fn arguments(&self) -> Vec<String> {
        let report = self.folder.join("report.json").display().to_string();
        let own = ["import", "--url", &self.at.command, "--report", &report, "--stop-at-refusal"].map(str::to_owned);
        let more = self.more.iter().map(|&argument| argument.to_owned());
        own.into_iter().chain(more).chain(self.archive.files()).collect()
    }

    /// Starts it, does `meanwhile` when every room has begun, and kills it when each has come a good way further. Returns when the
    /// keys of its commands are forgotten.
    async fn interrupt(&self, keeper: &Person, meanwhile: impl AsyncFn() -> Result<()>) -> Result<()> {
        let arguments = self.arguments();
        let mut tool = self.node.start_tool(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        let begun = self.versions_from(keeper, &[1; ROOMS]).await?;
        meanwhile().await?;
        let far: Vec<u64> = begun.iter().map(|version| version + INTERRUPTED_AFTER).collect();
        let reached = self.versions_from(keeper, &far).await?;
        ensure!(tool.try_wait()?.is_none(), "the import was over before it could be interrupted");
        tool.kill().await?;
        ensure!(reached.iter().all(|version| *version < MESSAGES_A_ROOM as u64), "{reached:?} is not in the middle");
        forgotten(keeper).await
    }

    /// The versions of the rooms' streams, once each is as far as asked. Only their owners are asked: whoever is in a room already
    /// changes nothing by joining it.
    async fn versions_from(&self, keeper: &Person, least: &[u64]) -> Result<Vec<u64>> {
        let mut versions = Vec::new();
        for (room, least) in least.iter().enumerate() {
            let path = format!("/chat/rooms/{}/members/me", RoomId::of_import(&self.archive.source, &format!("#room-{room}")));
            let far_enough = || async {
                let answer = keeper.command(Method::PUT, &path, Some(&json!({})), key()).await?.success()?;
                Ok(Some(answer.number("/version")?).filter(|version| version >= least))
            };
            versions.push(until(&format!("version {least} of room {room}"), LATE, far_enough).await?);
        }
        Ok(versions)
    }

    /// Starts it again, to its end. It finds what is there, and everything is there once.
    async fn finish(&self) -> Result<()> {
        let arguments = self.arguments();
        let said = self.node.tool(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await?;
        ensure!(!said.contains("(0 were before)"), "it found nothing:\n{said}");
        let compared = until("the archive", LATE, || async { Ok(Some(compare(self.at, &self.archive).await?)) }).await?;
        ensure!(compared.messages == ROOMS * MESSAGES_A_ROOM, "{compared:?}");
        Ok(())
    }
}

/// Waits until the server has forgotten a key that was used just now: then those used before are forgotten too. While it is known,
/// another body under it is refused.
async fn forgotten(keeper: &Person) -> Result<()> {
    let room = keeper.create_room("private", "for keys").await?;
    let path = format!("/chat/rooms/{room}/messages");
    // Not of version 7, whose age would show.
    let key = infra::random::uuid_v4();
    let say = async |text: &str| keeper.command(Method::POST, &path, Some(&json!({ "text": text })), key).await;
    say("first").await?.success()?;
    ensure!(say("second").await?.status == StatusCode::UNPROCESSABLE_ENTITY, "the key is known just after it was used");
    until("the end of the window", LATE, || async { Ok(say("second").await?.status.is_success().then_some(())) }).await
}
