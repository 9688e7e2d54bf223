//! Two people talk.

use std::path::Path;

use anyhow::Result;
use e2e::browser::{Driver, Window};
use e2e::system::{Embedded, OnServers, servers};

use super::friends::they_become_friends_and_one_blocks_the_other;
use super::{has_browser, join, make_room, say, sees, sign_in};
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
    let room = make_room(ann, "사랑방").await?;
    join(bob, &room).await?;

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
