//! People at browser windows: a real Chromium, the real page, the real program.

mod access;
mod analytics;
mod friends;
mod history;
mod looks;
mod renewal;
mod rooms;
mod search;
mod sending;
mod talk;
mod writing;

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use e2e::browser::{Driver, Window, is_installed};
use e2e::patience::{SOON, until};
use e2e::person::PASSWORD;
use e2e::system::{Embedded, servers_required};
use serde_json::json;

use crate::{Stage, stage};

/// Keys as WebDriver writes them.
const ENTER: &str = "\u{E007}";
const ESCAPE: &str = "\u{E00C}";
const ARROW_UP: &str = "\u{E013}";
const ARROW_DOWN: &str = "\u{E015}";

/// The whole system on its embedded default, and a browser.
struct Scene {
    system: Embedded,
    driver: Driver,
    stage: Stage,
}

impl Scene {
    /// Sets it up; `None`, with a line that says so, where there is no browser and none is required.
    async fn start(name: &str, settings: &[(&'static str, String)]) -> Result<Option<Self>> {
        if !has_browser()? {
            return Ok(None);
        }
        let stage = stage(name).await?;
        let system = Embedded::start_with(&stage.folder, settings).await?;
        let driver = Driver::start(&stage.folder.join("chromedriver.log")).await?;
        Ok(Some(Self { system, driver, stage }))
    }

    fn url(&self) -> String {
        self.system.node.public_url()
    }

    /// A window of somebody who has just made an account.
    async fn window_of(&self, user: &str) -> Result<Window> {
        self.window_at(&self.url(), user).await
    }

    /// The same, with the page at another address.
    async fn window_at(&self, url: &str, user: &str) -> Result<Window> {
        let window = self.driver.window(&self.stage.folder.join(user)).await?;
        sign_in(&window, url, user).await?;
        Ok(window)
    }

    fn picture(&self, name: &str) -> PathBuf {
        self.stage.folder.join(format!("{name}.png"))
    }

    /// What came of a test: pictures of the windows are taken in any case, since they are worth most when something went wrong.
    async fn end(mut self, told: Result<()>, windows: Vec<(&str, Window)>) -> Result<()> {
        for (name, window) in &windows {
            window.screenshot(&self.picture(name)).await?;
        }
        told?;
        for (_, window) in windows {
            window.close().await?;
        }
        self.system.node.stop().await
    }
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

async fn sign_in(window: &Window, url: &str, id: &str) -> Result<()> {
    window.open(url).await?;
    window.enter("#sign-in-id", id).await?;
    window.enter("#sign-in-password", PASSWORD).await?;
    window.click("#register-button").await?;
    window.shown("#app").await
}

/// Gives the role to somebody who is signed in at the window; their sessions end with that, and they sign in anew.
async fn make_administrator(scene: &Scene, window: &Window, user: &str) -> Result<()> {
    scene.system.node.tool(&["admin", "grant", user], &[]).await?;
    window.open(&scene.url()).await?;
    window.enter("#sign-in-id", user).await?;
    window.enter("#sign-in-password", PASSWORD).await?;
    window.click("#sign-in-button").await?;
    window.shown("#app").await
}

/// Makes a public room, which is then open in the window, and returns its id.
async fn make_room(window: &Window, name: &str) -> Result<String> {
    window.click("#new-room-button").await?;
    window.enter("#new-room-name", name).await?;
    window.click("#create-room-button").await?;
    window.shown("#message-box").await?;
    let room = window.attribute("#room", "data-room").await?.unwrap_or_default();
    ensure!(!room.is_empty(), "the new room is open");
    Ok(room)
}

/// Finds a public room in the directory and joins it.
async fn join(window: &Window, room: &str) -> Result<()> {
    window.click("#directory-button").await?;
    window.click(&format!("[data-testid=public-room][data-room='{room}'] [data-testid=join]")).await?;
    window.shown("#message-box").await
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

/// Waits until an attribute of the first element that matches has a value.
async fn has(window: &Window, selector: &str, attribute: &str, value: &str) -> Result<()> {
    let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) === arguments[2];";
    window.comes_true(&format!("{selector} has {attribute}={value}"), script, &json!([selector, attribute, value])).await
}

/// Waits until no element matches, or none of those is shown.
async fn gone(window: &Window, selector: &str) -> Result<()> {
    let script = "return ![...document.querySelectorAll(arguments[0])].some(e => e.checkVisibility());";
    window.comes_true(&format!("{selector} is gone"), script, &json!([selector])).await
}
