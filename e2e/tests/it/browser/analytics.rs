//! The page of numbers, after an import of real chats.

use anyhow::{Context, Result, ensure};
use e2e::browser::Window;
use e2e::chatdata::{Archive, beginning, by_room, made_up, read, real};
use e2e::patience::{LATE, until};
use serde_json::json;

use super::access::nothing_serious;
use super::looks::pictures;
use super::{Scene, has, make_administrator};

/// Messages of each real archive.
const MESSAGES: usize = 400;

/// What was imported, counted from the files.
struct Counted {
    messages: usize,
    /// Messages of the busiest room.
    busiest: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn imported_chats_are_counted_and_drawn() -> Result<()> {
    let Some(scene) = Scene::start("browser-analytics", &[]).await? else { return Ok(()) };
    let counted = import(&scene).await?;
    let ann = scene.window_of("ann").await?;
    let told = numbers(&scene, &ann, &counted).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn import(scene: &Scene) -> Result<Counted> {
    let folder = &scene.stage.folder;
    let archives: Vec<Archive> = real()?.iter().map(|archive| beginning(archive, MESSAGES, folder)).collect::<Result<_>>()?;
    let archives = if archives.is_empty() { vec![made_up(folder)?] } else { archives };
    let (url, report) = (scene.url(), folder.join("report.json").display().to_string());
    let mut arguments = vec!["import".to_owned(), "--url".to_owned(), url, "--report".to_owned(), report];
    arguments.extend(archives.iter().flat_map(Archive::files));
    scene.system.node.tool(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await?;
    let (mut messages, mut busiest) = (0, 0);
    for archive in &archives {
        let lines = read(&archive.messages)?;
        messages += lines.len();
        busiest = by_room(lines).values().map(Vec::len).chain([busiest]).max().unwrap_or_default();
    }
    Ok(Counted { messages, busiest })
}

async fn numbers(scene: &Scene, ann: &Window, counted: &Counted) -> Result<()> {
    // A member counts in the rooms that she is in: none yet.
    ann.open(&format!("{}/analytics", scene.url())).await?;
    ann.comes_true("nothing", "return document.getElementById('messages-chart').dataset.total === '0';", &json!([])).await?;
    ensure!(!shown(ann, "#people-card").await?, "new people are for administrators");

    make_administrator(scene, ann, "ann").await?;
    ann.open(&format!("{}/analytics", scene.url())).await?;
    // The page counts when it is asked: until the index has all of it, it is asked again.
    until("all messages are counted", LATE, || async {
        choose(ann, "range", "all").await?;
        let idle = "return document.getElementById('numbers-state').textContent !== 'Counting…';";
        ann.comes_true("it is counted", idle, &json!([])).await?;
        let total = ann.attribute("#messages-chart", "data-total").await?.unwrap_or_default();
        ensure!(total == counted.messages.to_string(), "{total} of {} messages", counted.messages);
        Ok(Some(()))
    })
    .await?;
    ensure!(shown(ann, "#people-card").await?);
    let people = ann.attribute("#people-chart", "data-total").await?.unwrap_or_default();
    ensure!(people.parse::<u64>()? > 0, "{people} new people");
    has(ann, "#busy-rooms [data-testid=bar]", "data-count", &counted.busiest.to_string()).await?;
    let words = ann.texts("[data-testid=cloud-word]").await?;
    ensure!(words.len() > 10, "{words:?}");

    // The course of the commonest word: it stands in as many messages as the list says.
    let first = "#word-list [data-testid=bar]";
    let (word, times) = (ann.attribute(first, "data-key").await?, ann.attribute(first, "data-count").await?);
    let (word, times) = (word.context("no word")?, times.context("no count")?);
    ann.click(&format!("{first} button")).await?;
    has(ann, "#word-chart", "data-word", &word).await?;
    has(ann, "#word-chart", "data-total", &times).await?;
    nothing_serious(ann, "the numbers").await?;
    pictures(scene, ann, "numbers").await?;

    // A day before anybody spoke.
    choose(ann, "range", "own").await?;
    ann.script(
        "for (const id of ['range-from', 'range-to']) document.getElementById(id).value = '1999-01-01';
        document.getElementById('range-to').dispatchEvent(new Event('change', { bubbles: true }));",
        &json!([]),
    )
    .await?;
    has(ann, "#messages-chart", "data-total", "0").await
}

async fn choose(window: &Window, field: &str, value: &str) -> Result<()> {
    let script = "const field = document.getElementById(arguments[0]); field.value = arguments[1];
        field.dispatchEvent(new Event('change', { bubbles: true }));";
    window.script(script, &json!([field, value])).await.map(drop)
}

async fn shown(window: &Window, selector: &str) -> Result<bool> {
    let script = "return document.querySelector(arguments[0]).checkVisibility();";
    Ok(window.script(script, &json!([selector])).await?.as_bool().unwrap_or_default())
}
