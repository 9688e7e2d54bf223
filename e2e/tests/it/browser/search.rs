//! Finding a message by its words, and going to it.

use anyhow::{Result, ensure};
use e2e::browser::Window;
use e2e::patience::{SOON, until};
use e2e::person::Person;
use serde_json::json;

use super::access::nothing_serious;
use super::looks::pictures;
use super::{Scene, gone};

/// Messages before and behind the one that is looked for: several pages of history.
const AROUND: usize = 120;
const FOUND: &str = "[data-testid=found]";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_found_by_its_words_and_shown_where_it_stands() -> Result<()> {
    let Some(scene) = Scene::start("browser-search", &[]).await? else { return Ok(()) };
    let ann = scene.window_of("ann").await?;
    let told = find(&scene, &ann).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn find(scene: &Scene, ann: &Window) -> Result<()> {
    let bob = Person::sign_in(&scene.system.addresses(), "bob").await?;
    let (room, other) = (bob.create_room("private", "attic").await?, bob.create_room("private", "secret").await?);
    bob.add_member(&room, "ann").await?;
    let mut wanted = 0;
    for number in 0..2 * AROUND {
        let text = if number == AROUND { "the old lantern is under the roof" } else { "dust and boxes" };
        let answer = bob.send(&room, text).await?;
        if number == AROUND {
            wanted = answer.number("/number")?;
        }
    }
    bob.send(&room, "다락방의 등불을 찾았어요").await?;
    bob.send(&other, "the lantern is no matter of hers").await?;

    ann.click(&format!("[data-testid=room][data-room='{room}']")).await?;
    ann.shown("#message-box").await?;
    ann.click("#search-button").await?;
    ann.enter("#search-text", "lantern").await?;
    look_for(ann, "lantern").await?;
    // What one may not read is not found.
    let marked = ann.texts(&format!("{FOUND} mark")).await?;
    ensure!(ann.texts(FOUND).await?.len() == 1 && marked == ["lantern"], "{marked:?}");
    nothing_serious(ann, "what was found").await?;
    pictures(scene, ann, "search").await?;
    ann.click(FOUND).await?;
    let there = "const box = document.querySelector(`[data-testid=message][data-number=\"${arguments[0]}\"] .message.active`)
        ?.getBoundingClientRect(); return !!box && box.top > 0 && box.bottom < innerHeight;";
    ann.comes_true("the message on the screen, marked", there, &json!([wanted])).await?;

    // Korean, without its particle.
    ann.script("document.getElementById('search-text').value = '';", &json!([])).await?;
    ann.enter("#search-text", "등불").await?;
    ann.comes_true(
        "the Korean message",
        "return document.querySelector('#search-list mark')?.textContent.startsWith('등불') === true;",
        &json!([]),
    )
    .await?;
    // Of a sender who never wrote it.
    ann.click("#search-form summary").await?;
    ann.enter("#search-sender", "ann").await?;
    gone(ann, FOUND).await?;
    ann.comes_true(
        "it says so",
        "return document.getElementById('search-state').textContent === 'Nothing was found.';",
        &json!([]),
    )
    .await
}

/// Looks for a word until it is found, and first: the page asks when it is told to, and the index may be a moment behind.
async fn look_for(window: &Window, word: &str) -> Result<()> {
    until(&format!("{word} is found"), SOON, || async {
        let submit =
            "const form = document.getElementById('search-form'); form.elements.text.value = arguments[0]; form.requestSubmit();";
        window.script(submit, &json!([word])).await?;
        let answered = "return document.getElementById('search-state').textContent !== 'Looking…';";
        window.comes_true("an answer", answered, &json!([])).await?;
        let marked = window.texts("#search-list mark").await?;
        ensure!(marked.first().is_some_and(|first| first.starts_with(word)), "marked: {marked:?}");
        Ok(Some(()))
    })
    .await
}
