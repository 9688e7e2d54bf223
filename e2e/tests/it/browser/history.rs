//! A room of ten thousand messages, scrolled both ways: nothing that one reads jumps, and the page holds few of them at a time.

use anyhow::{Result, ensure};
use domain::RoomId;
use e2e::browser::Window;
use e2e::chatdata::long;
use serde::Deserialize;
use serde_json::json;

use super::{Scene, join};

const MESSAGES: u64 = 10_000;
/// How far each step scrolls, and how many steps one script takes (a script may take 30 s).
const STEP_PX: i64 = 1_500;
const STEPS: u64 = 30;
/// The rows that the page may hold; the page's own limit is 400, and a page of 50 is added before as many go.
const ROWS_MAX: u64 = 450;

/// What a script of [`SCROLL`] saw.
#[derive(Debug, Deserialize)]
struct Seen {
    first: u64,
    last: u64,
    rows: u64,
    dense: bool,
    /// By how many pixels what stood in the middle was, at worst, elsewhere than scrolling put it.
    jumped: f64,
    /// Steps after which the message of the middle was looked for.
    looked: u64,
}

/// Scrolls step by step. After each, and after two frames and whatever was loaded in them, the message that stood in the middle of
/// the screen must be exactly where the step has put it.
const SCROLL: &str = r#"
const [step, steps] = arguments;
const scroller = document.getElementById('messages');
const frames = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
const numbers = () => [...document.querySelectorAll('[data-testid=message]')].map((row) => Number(row.dataset.number));
const top = (number) => document.querySelector(`[data-testid=message][data-number="${number}"] .message`)?.getBoundingClientRect().top;
const middle = () => {
  const box = scroller.getBoundingClientRect();
  return document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)?.closest('[data-testid=message]')?.dataset.number;
};
return (async () => {
  let [jumped, looked, rows, dense] = [0, 0, 0, true];
  for (let count = 0; count < steps; count += 1) {
    const number = middle();
    const [was, from] = [top(number), scroller.scrollTop];
    scroller.scrollTop += step;
    const moved = from - scroller.scrollTop;
    await frames();
    const all = numbers();
    rows = Math.max(rows, all.length);
    dense &&= all.every((each, index) => index === 0 || each === all[index - 1] + 1);
    if (number && top(number) !== undefined) {
      jumped = Math.max(jumped, Math.abs(top(number) - was - moved));
      looked += 1;
    }
  }
  const all = numbers();
  return { first: all[0], last: all.at(-1), rows, dense, jumped, looked };
})();
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_room_scrolls_both_ways_without_jumping() -> Result<()> {
    let Some(scene) = Scene::start("browser-history", &[]).await? else { return Ok(()) };
    let folder = &scene.stage.folder;
    let archive = long(folder, 1, usize::try_from(MESSAGES)?)?;
    let (files, report) = (archive.files(), folder.join("report.json").display().to_string());
    let (url, own) = (scene.url(), ["import", "--report", &report, "--stop-at-refusal", "--url"]);
    let arguments: Vec<&str> = own.into_iter().chain([url.as_str()]).chain(files.iter().map(String::as_str)).collect();
    scene.system.node.tool(&arguments, &[]).await?;
    let ann = scene.window_of("ann").await?;
    let told = there_and_back(&ann, &RoomId::of_import(&archive.source, "#room-0").to_string()).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn there_and_back(ann: &Window, room: &str) -> Result<()> {
    join(ann, room).await?;
    shows(ann, MESSAGES).await?;
    let mut seen = scroll(ann, -STEP_PX).await?;
    while seen.first > 1 {
        let before = seen.first;
        seen = scroll(ann, -STEP_PX).await?;
        ensure!(seen.first < before, "stuck at {before}");
    }
    ensure!(seen.last < MESSAGES, "what is far below was let go: {seen:?}");
    while seen.last < 1_000 {
        let before = seen.last;
        seen = scroll(ann, STEP_PX).await?;
        ensure!(seen.last > before, "stuck at {before}");
    }
    ensure!(seen.first > 1, "what is far above was let go: {seen:?}");

    // To a message far away, by its address, and to the newest one.
    ann.script("location.hash = `#/rooms/${arguments[0]}/5000`;", &json!([room])).await?;
    let there = "const box = document.querySelector('[data-testid=message][data-number=\"5000\"] .message.active')?.getBoundingClientRect();
        return !!box && box.top > 0 && box.bottom < innerHeight;";
    ann.comes_true("message 5000 on the screen, marked", there, &json!([])).await?;
    ann.click("#newest-button").await?;
    shows(ann, MESSAGES).await
}

async fn scroll(window: &Window, step: i64) -> Result<Seen> {
    let seen: Seen = serde_json::from_value(window.script(SCROLL, &json!([step, STEPS])).await?)?;
    ensure!(seen.dense, "a gap: {seen:?}");
    ensure!(seen.rows <= ROWS_MAX, "the page holds too much: {seen:?}");
    ensure!(seen.jumped <= 1.0 && seen.looked > 0, "it jumped: {seen:?}");
    Ok(seen)
}

/// Waits until the last message on the page is `number`, and on the screen.
async fn shows(window: &Window, number: u64) -> Result<()> {
    let script = "const last = [...document.querySelectorAll('[data-testid=message]')].at(-1);
        return last?.dataset.number === String(arguments[0]) && last.getBoundingClientRect().bottom <= innerHeight;";
    window.comes_true(&format!("message {number}"), script, &json!([number])).await
}
