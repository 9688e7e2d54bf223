//! Two people at two browser windows.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use e2e::browser::{Driver, Window, is_installed};
use e2e::patience::{LATE, SOON, until};
use e2e::person::PASSWORD;
use e2e::system::{Embedded, OnServers, servers, servers_required};
use infra::clock::{Clock as _, SystemClock};

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

/// The page renews its session by itself, and two tabs that share it do not end it for each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_stays_signed_in_longer_than_a_token_is_good() -> Result<()> {
    const TOKEN_MS: i64 = 10_000;
    if !has_browser()? {
        return Ok(());
    }
    let stage = stage("browser-renewal").await?;
    let mut system = Embedded::start_with(&stage.folder, &[("tokens.lifetime_ms", TOKEN_MS.to_string())]).await?;
    let (url, driver) = (system.node.public_url(), Driver::start(&stage.folder.join("chromedriver.log")).await?);
    let ann = driver.window(&stage.folder.join("ann")).await?;
    sign_in(&ann, &url, "ann").await?;
    ann.another_tab().await?;
    ann.open(&url).await?;
    ann.shown("#app").await?;
    let accounts = infra::credentials::sqlite::open(&stage.folder.join("all").join("auth.sqlite")).await?;
    let user = domain::UserId::parse("ann")?;
    let lived = until("two lives of a token", LATE, async || {
        let sessions = accounts.sessions(&user, SystemClock.now()).await?;
        let session = sessions.first().context("the session is over")?;
        ensure!(sessions.len() == 1, "one session: {sessions:?}");
        Ok((session.used_at.as_millis() - session.created_at.as_millis() > 2 * TOKEN_MS).then_some(()))
    });
    let outcome = async {
        lived.await?;
        // Without a good token the room would not be made, and the page would say that the session has ended.
        ann.click("#new-room-button").await?;
        ann.enter("#new-room-name", "still here").await?;
        ann.click("#create-room-button").await?;
        ann.shown("#message-box").await?;
        say(&ann, "and well").await?;
        sees(&ann, &["and well"]).await?;
        let audit = accounts.audit_of(&user, 100).await?;
        ensure!(audit.iter().all(|row| row.event != "refresh-reused"), "{audit:?}");
        // Signed out in one tab is signed out in the other, and the page says so.
        ann.click("#sign-out-button").await?;
        ann.shown("#sign-in").await
    };
    let told = outcome.await;
    ann.screenshot(&stage.folder.join("ann.png")).await?;
    told?;
    ann.close().await?;
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

    let told = async {
        two_people_talk(&ann, &bob, url).await?;
        they_become_friends_and_one_blocks_the_other(&ann, &bob).await
    };
    let told = told.await;
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

/// Ann asks, Bob accepts, both see each other online, they talk in their direct room, and Ann blocks Bob.
async fn they_become_friends_and_one_blocks_the_other(ann: &Window, bob: &Window) -> Result<()> {
    let friend = |id: &str, friendship: &str| format!("[data-testid=friend][data-user='{id}'][data-friendship={friendship}]");
    ann.click("#people-button").await?;
    ann.enter("#befriend-id", "밥").await?;
    ann.click("#befriend-button").await?;
    ann.shown(&friend("밥", "outgoing")).await?;
    bob.click("#people-button").await?;
    bob.click(&format!("{} [data-testid=friend-accept]", friend("ann", "incoming"))).await?;
    bob.shown(&format!("{}[data-presence=online]", friend("ann", "friends"))).await?;
    bob.click("[data-close=people]").await?;

    // What the page shows of friends is asked for when it is opened; presence comes by itself.
    ann.click("[data-close=people]").await?;
    ann.click("#people-button").await?;
    ann.shown(&format!("{}[data-presence=online]", friend("밥", "friends"))).await?;
    ann.click(&format!("{} [data-testid=friend-message]", friend("밥", "friends"))).await?;
    ann.shown("#message-box").await?;
    say(ann, "just the two of us").await?;
    ann.shown("[data-testid=room][data-kind=direct][data-presence=online]").await?;
    bob.click("[data-testid=room][data-kind=direct]").await?;
    sees(bob, &["just the two of us"]).await?;

    ann.click("#people-button").await?;
    ann.click(&format!("{} [data-testid=friend-block]", friend("밥", "friends"))).await?;
    ann.click("#confirm-yes").await?;
    ann.shown("[data-testid=blocked][data-user='밥']").await?;
    ann.shown("#friends-empty").await?;
    bob.shown("[data-testid=room][data-kind=direct][data-presence=offline]").await?;
    bob.click("#people-button").await?;
    bob.shown("#friends-empty").await?;
    bob.enter("#befriend-id", "ann").await?;
    bob.click("#befriend-button").await?;
    bob.shown("[data-testid=toast][data-code=blocked]").await
}

async fn sign_in(window: &Window, url: &str, id: &str) -> Result<()> {
    window.open(url).await?;
    window.enter("#sign-in-id", id).await?;
    window.enter("#sign-in-password", PASSWORD).await?;
    window.click("#register-button").await?;
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
