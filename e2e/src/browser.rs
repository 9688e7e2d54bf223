//! A real Chromium, driven over WebDriver (W3C) by its own chromedriver.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::patience::{LATE, SOON, until};

/// As root and without a display; no traffic of its own.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,800",
    "--lang=en",
];
/// The name of an element reference in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver process. Dropping it ends it and every browser that it started.
pub struct Driver {
    url: String,
    child: Child,
    http: reqwest::Client,
}

/// One browser window with a profile (and so cookies) of its own.
pub struct Window {
    session: String,
    http: reqwest::Client,
}

/// Whether this machine has a browser that can be driven.
#[must_use]
pub fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["chromedriver", "chromium"].iter().all(|program| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

impl Driver {
    /// Starts chromedriver.
    ///
    /// # Errors
    /// When it is missing or does not answer.
    pub async fn start(log: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let out = std::fs::File::create(log)?;
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        // A group of its own, so that the browsers can be ended with it.
        let child = command.process_group(0).spawn().context("chromedriver is missing: apt-get install chromium-driver")?;
        let driver = Self { url: format!("http://127.0.0.1:{port}"), child, http: reqwest::Client::new() };
        let status = format!("{}/status", driver.url);
        until("chromedriver", LATE, || async {
            let answer: Value = driver.http.get(&status).send().await?.json().await?;
            Ok(answer.pointer("/value/ready").and_then(Value::as_bool).filter(|ready| *ready))
        })
        .await?;
        Ok(driver)
    }

    /// Opens a window with an empty profile, which is kept in `profile`.
    ///
    /// # Errors
    /// When the browser does not start.
    pub async fn window(&self, profile: &Path) -> Result<Window> {
        let mut flags: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.display()));
        let options = json!({ "args": flags });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "browserName": "chrome", "goog:chromeOptions": options } } });
        let answer = self.http.post(format!("{}/session", self.url)).json(&wanted).send().await?;
        let value = value_of(answer).await?;
        let id = value.get("sessionId").and_then(Value::as_str).context("no session id")?;
        Ok(Window { session: format!("{}/session/{id}", self.url), http: self.http.clone() })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        if let Some(id) = self.child.id() {
            // Nothing to do about a failure here: the group has then ended already.
            let _ended = std::process::Command::new("sh").arg("-c").arg(format!("kill -s KILL -- -{id} 2>/dev/null")).status();
        }
    }
}

impl Window {
    /// Goes to a page.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn open(&self, url: &str) -> Result<()> {
        self.post("url", &json!({ "url": url })).await.map(drop)
    }

    /// Presses the first element that matches, as soon as it can be pressed.
    ///
    /// # Errors
    /// When there is none soon.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.act(selector, "click", &json!({})).await
    }

    /// Types into the first element that matches, as soon as that is possible.
    ///
    /// # Errors
    /// When there is none soon.
    pub async fn enter(&self, selector: &str, text: &str) -> Result<()> {
        self.act(selector, "value", &json!({ "text": text })).await
    }

    /// Returns when an element matches and is shown.
    ///
    /// # Errors
    /// When there is none soon.
    pub async fn shown(&self, selector: &str) -> Result<()> {
        until(&format!("{selector} is shown"), SOON, || async {
            let script = "const e = document.querySelector(arguments[0]); return !!e && e.checkVisibility();";
            Ok((self.script(script, &json!([selector])).await? == Value::Bool(true)).then_some(()))
        })
        .await
    }

    /// The texts of all elements that match, in the order of the page.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent);";
        Ok(serde_json::from_value(self.script(script, &json!([selector])).await?)?)
    }

    /// An attribute of the first element that matches.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn attribute(&self, selector: &str, name: &str) -> Result<Option<String>> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null;";
        Ok(serde_json::from_value(self.script(script, &json!([selector, name])).await?)?)
    }

    /// Runs a script in the page and returns its result.
    ///
    /// # Errors
    /// When it throws.
    pub async fn script(&self, script: &str, arguments: &Value) -> Result<Value> {
        self.post("execute/sync", &json!({ "script": script, "args": arguments })).await
    }

    /// Returns when `script`, a function's body that is given `arguments`, answers true.
    ///
    /// # Errors
    /// When it does not soon.
    pub async fn comes_true(&self, what: &str, script: &str, arguments: &Value) -> Result<()> {
        until(what, SOON, || async {
            let said = self.script(script, arguments).await?;
            ensure!(said == Value::Bool(true), "the page says {said}");
            Ok(Some(()))
        })
        .await
    }

    /// Gives a command of the browser's own protocol for developers.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn devtools(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters })).await
    }

    /// Writes what the window shows as a PNG file.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let image = value_of(self.http.get(format!("{}/screenshot", self.session)).send().await?).await?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(image.as_str().context("no image")?)?;
        Ok(std::fs::write(file, bytes)?)
    }

    /// Opens another tab of the same browser, with the same cookies, and goes on there; the first one stays open.
    ///
    /// # Errors
    /// When there is none.
    pub async fn another_tab(&self) -> Result<()> {
        let tab = self.post("window/new", &json!({ "type": "tab" })).await?;
        let handle = tab.get("handle").context("no handle")?;
        self.post("window", &json!({ "handle": handle })).await.map(drop)
    }

    /// Closes the window.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn close(self) -> Result<()> {
        value_of(self.http.delete(&self.session).send().await?).await.map(drop)
    }

    /// Finds the element anew each time: the page may redraw it between finding and pressing.
    async fn act(&self, selector: &str, action: &str, body: &Value) -> Result<()> {
        until(&format!("{action} on {selector}"), SOON, || async {
            let found = self.post("element", &json!({ "using": "css selector", "value": selector })).await?;
            let id = found.get(ELEMENT).and_then(Value::as_str).context("no element id")?;
            self.post(&format!("element/{id}/{action}"), body).await?;
            Ok(Some(()))
        })
        .await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        value_of(self.http.post(format!("{}/{path}", self.session)).json(body).send().await?).await
    }
}

async fn value_of(response: reqwest::Response) -> Result<Value> {
    let status = response.status();
    let mut body: Value = response.json().await?;
    let value = body.get_mut("value").map(Value::take).unwrap_or_default();
    let message = value.get("message").and_then(Value::as_str).unwrap_or_default().lines().next().unwrap_or_default().to_owned();
    ensure!(status.is_success(), "WebDriver: {status} {message}");
    Ok(value)
}
