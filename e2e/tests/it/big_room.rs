//! A room of the size that is promised, made through the commands; what is said in it costs what it costs in a small one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use domain::RoomId;
use e2e::chatdata::crowd;
use e2e::live::Live;
use e2e::patience::{LATE, until};
use e2e::person::{Person, key};
use e2e::system::Embedded;
use reqwest::Method;
use serde_json::{Value, json};

use crate::stage;

/// Members of the big room: as many as a room is promised to hold.
const MEMBERS: usize = 20_000;
/// Messages in each of the two rooms; their medians are compared.
const MESSAGES: usize = 51;
/// How much more a message may cost in the big room: a factor, and what a busy machine may add by chance. What grew with the members
/// would be a thousand times dearer.
const FACTOR_MAX: u32 = 3;
const CHANCE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_twenty_thousand_members_is_as_cheap_as_any() -> Result<()> {
    let stage = stage("big-room").await?;
    let folder = &stage.folder;
    let mut system = Embedded::start(&folder.join("system")).await?;
    let at = system.addresses();
    let archive = crowd(folder, MEMBERS)?;
    let (files, report) = (archive.files(), folder.join("report.json").display().to_string());
    let own = ["import", "--url", &at.command, "--report", &report, "--stop-at-refusal"];
    let arguments: Vec<&str> = own.into_iter().chain(files.iter().map(String::as_str)).collect();
    system.node.tool(&arguments, &[]).await?;

    let ann = Person::sign_in(&at, "ann").await?;
    let big = RoomId::of_import(&archive.source, "#crowd").to_string();
    let joined = ann.command(Method::PUT, &format!("/chat/rooms/{big}/members/me"), Some(&json!({})), key()).await?.success()?;
    let visible = || async { ann.query(&format!("/chat/rooms/{big}"), joined.read_token.as_deref()).await?.success().map(Some) };
    let room = until("the read model", LATE, visible).await?;
    ensure!(room.number("/memberCount")? == MEMBERS as u64 + 1, "{room:?}");
    ensure!(members(&ann, &big).await? == MEMBERS + 1, "every member is listed once");

    let small = ann.create_room("private", "small").await?;
    let mut live = Live::open(&ann).await?;
    for room in [&big, &small] {
        live.subscribe(room, None).await?;
    }
    let (mut in_big, mut in_small) = (Vec::new(), Vec::new());
    for _ in 0..MESSAGES {
        for (room, durations) in [(&big, &mut in_big), (&small, &mut in_small)] {
            let began = Instant::now();
            ann.send(room, "how many are we?").await?;
            live.next_message(room).await?;
            durations.push(began.elapsed());
        }
    }
    let (dear, cheap) = (median(in_big), median(in_small));
    ensure!(dear < cheap * FACTOR_MAX + CHANCE, "until it was seen live: {dear:?} in the big room, {cheap:?} in the small one");

    // The owner reads the room anew after a crash, and goes on where it was.
    system.node.kill().await?;
    system.node.start().await?;
    let answer = ann.send(&big, "still all here").await?;
    ensure!(answer.number("/number")? == MESSAGES as u64 + 2, "after the archive's one message and ours: {answer:?}");
    system.node.stop().await
}

/// How many members the pages list.
async fn members(person: &Person, room: &str) -> Result<usize> {
    let mut found = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = person.query(&format!("/chat/rooms/{room}/members?limit=200{cursor}"), None).await?.success()?;
        for member in page.array("/items")? {
            let id = member.get("userId").and_then(Value::as_str).context("a member without an id")?;
            ensure!(found.insert(id.to_owned()), "{id} is listed twice");
        }
        match page.body.get("next").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found.len()),
        }
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
