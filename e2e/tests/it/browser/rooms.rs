//! Making rooms, bringing people in, leaving, and seeing who types.

use anyhow::{Result, ensure};
use e2e::browser::Window;
use serde_json::json;

use super::{Scene, gone, say, sees};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_brought_into_a_private_room_and_leave_it() -> Result<()> {
    let Some(scene) = Scene::start("browser-rooms", &[]).await? else { return Ok(()) };
    let (ann, bob) = (scene.window_of("ann").await?, scene.window_of("bob").await?);
    let told = come_and_go(&ann, &bob).await;
    scene.end(told, vec![("ann", ann), ("bob", bob)]).await
}

async fn come_and_go(ann: &Window, bob: &Window) -> Result<()> {
    ann.click("#new-room-button").await?;
    ann.click("#new-room-kind-private").await?;
    ann.enter("#new-room-name", "study").await?;
    ann.enter("#new-room-topic", "books, and how to mend them").await?;
    ann.click("#create-room-button").await?;
    ann.shown("#message-box").await?;
    ensure!(ann.texts("#room-topic").await? == ["Private · books, and how to mend them"]);
    let room = ann.attribute("#room", "data-room").await?.unwrap_or_default();
    // Nobody finds it in the directory.
    bob.click("#directory-button").await?;
    bob.comes_true(
        "an empty directory",
        "return document.getElementById('directory-state').textContent === 'No public room found.';",
        &json!([]),
    )
    .await?;
    bob.click("[data-close=directory]").await?;

    ann.click("#members-button").await?;
    ann.enter("#add-member-id", "bob").await?;
    ann.click("#add-member-button").await?;
    ann.shown("[data-testid=member][data-user=bob]").await?;
    // The room comes into the list of who was brought in, by itself.
    let item = format!("[data-testid=room][data-room='{room}']");
    bob.click(&item).await?;
    bob.shown("#message-box").await?;
    say(ann, "welcome").await?;
    sees(bob, &["welcome"]).await?;
    bob.enter("#message-box", "thank").await?;
    ann.comes_true("who types", "return document.getElementById('typing').textContent === 'bob is typing…';", &json!([])).await?;
    bob.enter("#message-box", " you").await?;
    bob.click("#send-button").await?;
    sees(ann, &["welcome", "thank you"]).await?;
    ann.comes_true("nobody types", "return document.getElementById('typing').textContent === '';", &json!([])).await?;

    bob.click("#members-button").await?;
    bob.click("#leave-button").await?;
    bob.click("#confirm-yes").await?;
    gone(bob, &item).await?;
    gone(bob, "#room").await?;
    sees(ann, &["welcome", "thank you"]).await
}
