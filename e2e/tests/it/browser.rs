//! Two people at two browser windows.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use e2e::browser::{Driver, Window, is_installed};
use e2e::patience::{SOON, until};
use e2e::system::{Embedded, OnServers, servers, servers_required};

use crate::stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_writes_appears_in_the_other_window() -> Result<()> {
    if !has_browser()? {
        return Ok(());
    }
    let stage = stage("browser").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    at_two_windows(&stage.folder, &system.node.public_url()).await?;
    system.node.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_writes_appears_in_the_other_window_on_kafka_and_postgres() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    if !has_browser()? {
        return Ok(());
    }
    let stage = stage("browser-on-servers").await?;
    let mut system = OnServers::start(&stage.folder, &servers).await?;
    at_two_windows(&stage.folder, &system.node.public_url()).await?;
    system.node.stop().await
}

/// Whether there is one; says so where there is none and none is required.
#[expect(clippy::print_stderr, reason = "a skipped test must say so in the output of the tests")]
fn has_browser() -> Result<bool> {
    if is_installed() {
        return Ok(true);
    }
    if servers_required() {
        bail!("chromium and chromedriver are needed");
    }
    eprintln!("skipped: there is no chromium with chromedriver");
    Ok(false)
}

async fn at_two_windows(folder: &Path, url: &str) -> Result<()> {
    let driver = Driver::start(&folder.join("chromedriver.log")).await?;
    let ann = driver.window(&folder.join("ann")).await?;
    let bob = driver.window(&folder.join("bob")).await?;

    let told = two_people_talk(&ann, &bob, url).await;
    // The pictures are worth most when something went wrong.
    ann.screenshot(&folder.join("ann.png")).await?;
    bob.screenshot(&folder.join("bob.png")).await?;
    told?;
    ann.close().await?;
    bob.close().await?;
    drop(driver);
    Ok(())
}

async fn two_people_talk(ann: &Window, bob: &Window, url: &str) -> Result<()> {
    sign_in(ann, url, "ann").await?;
    sign_in(bob, url, "밥").await?;

    ann.click("#new-room-button").await?;
    ann.enter("#new-room-name", "사랑방").await?;
    ann.click("#create-room-button").await?;
    ann.shown("#message-box").await?;
    let room = ann.attribute("#room", "data-room").await?.unwrap_or_default();
    ensure!(!room.is_empty(), "the new room is open");

    bob.click("#directory-button").await?;
    bob.click(&format!("[data-testid=public-room][data-room='{room}'] [data-testid=join]")).await?;
    bob.shown("#message-box").await?;

    say(ann, "안녕, 밥! <b>no markup</b>").await?;
    sees(bob, &["안녕, 밥! <b>no markup</b>"]).await?;
    say(bob, "hello, ann").await?;
    for window in [ann, bob] {
        sees(window, &["안녕, 밥! <b>no markup</b>", "hello, ann"]).await?;
    }
    // What was written is still there for somebody who comes back.
    bob.open(url).await?;
    bob.click(&format!("[data-testid=room][data-room='{room}']")).await?;
    sees(bob, &["안녕, 밥! <b>no markup</b>", "hello, ann"]).await
}

async fn sign_in(window: &Window, url: &str, id: &str) -> Result<()> {
    window.open(url).await?;
    window.enter("#sign-in-id", id).await?;
    window.click("#sign-in-button").await?;
    window.shown("#app").await
}

async fn say(window: &Window, text: &str) -> Result<()> {
    window.enter("#message-box", text).await?;
    window.click("#send-button").await
}

/// Waits until the window shows exactly these messages.
async fn sees(window: &Window, expected: &[&str]) -> Result<()> {
    let shown = || async {
        let texts = window.texts("[data-testid=message] [data-testid=text]").await?;
        ensure!(texts.iter().map(|text| text.trim()).eq(expected.iter().copied()), "the window shows {texts:?}");
        Ok(Some(()))
    };
    until(&format!("messages {expected:?}"), SOON, shown).await
}
