//! What people do with messages beside sending them, seen live by the other one.

use anyhow::{Result, ensure};
use e2e::browser::Window;
use serde_json::json;

use super::{ARROW_DOWN, ARROW_UP, ENTER, ESCAPE, Scene, gone, has, join, make_room, say, sees};

/// Takes the place of the browser's notifications: notes what would be shown.
const NOTE_ALERTS: &str = "window.alerts = [];
    window.Notification = class { constructor(title, options) { window.alerts.push(`${title}: ${options.body}`); } };
    window.Notification.permission = 'granted'; window.Notification.requestPermission = async () => 'granted';";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_reactions_replies_and_deletions_are_seen_live() -> Result<()> {
    let Some(scene) = Scene::start("browser-writing", &[]).await? else { return Ok(()) };
    let (ann, bob) = (scene.window_of("ann").await?, scene.window_of("bob").await?);
    let told = change_messages(&ann, &bob).await;
    scene.end(told, vec![("ann", ann), ("bob", bob)]).await
}

async fn change_messages(ann: &Window, bob: &Window) -> Result<()> {
    let room = make_room(ann, "kitchen").await?;
    join(bob, &room).await?;
    say(ann, "Tee or coffee?").await?;
    sees(bob, &["Tee or coffee?"]).await?;

    // By the keyboard alone: arrow up in the empty box edits one's last message.
    ann.enter("#message-box", ARROW_UP).await?;
    ann.shown("#composer-context").await?;
    ann.script("document.getElementById('message-box').select();", &json!([])).await?;
    ann.enter("#message-box", &format!("Tea or coffee?{ENTER}")).await?;
    sees(bob, &["Tea or coffee?(edited)"]).await?;

    // Bob reacts: arrow up reaches the message, and its buttons appear.
    bob.enter("#messages", ARROW_UP).await?;
    bob.click("[data-number='1'] [data-testid=react]").await?;
    bob.click("#emoji-picker [data-emoji='☕']").await?;
    has(ann, "[data-testid=reaction][data-emoji='☕']", "data-count", "1").await?;
    ann.click("[data-testid=reaction][data-emoji='☕']").await?;
    has(bob, "[data-testid=reaction][data-emoji='☕']", "data-count", "2").await?;
    ann.click("[data-testid=reaction][data-emoji='☕']").await?;
    has(bob, "[data-testid=reaction][data-emoji='☕']", "data-count", "1").await?;

    bob.enter("#messages", ARROW_UP).await?;
    bob.click("[data-number='1'] [data-testid=reply]").await?;
    say(bob, "Coffee, please").await?;
    sees(ann, &["Tea or coffee?(edited)", "Coffee, please"]).await?;
    let quotes = ann.texts("[data-number='2'] [data-testid=quote]").await?;
    ensure!(quotes == ["ann: Tea or coffee?"], "{quotes:?}");

    ann.enter("#messages", &format!("{ARROW_UP}{ARROW_UP}")).await?;
    ann.click("[data-number='1'] [data-testid=delete]").await?;
    ann.click("#confirm-yes").await?;
    has(bob, "[data-number='1']", "data-state", "deleted").await?;
    sees(bob, &["This message was deleted.", "Coffee, please"]).await?;
    let quotes = bob.texts("[data-number='2'] [data-testid=quote]").await?;
    ensure!(quotes == ["ann: This message was deleted."], "{quotes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mentions_are_completed_counted_and_told_unless_the_room_is_muted() -> Result<()> {
    let Some(scene) = Scene::start("browser-mentions", &[]).await? else { return Ok(()) };
    let (ann, bob) = (scene.window_of("ann").await?, scene.window_of("밥").await?);
    let told = mention(&scene, &ann, &bob).await;
    scene.end(told, vec![("ann", ann), ("bob", bob)]).await
}

async fn mention(scene: &Scene, ann: &Window, bob: &Window) -> Result<()> {
    let room = make_room(ann, "garden").await?;
    bob.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": NOTE_ALERTS })).await?;
    bob.open(&scene.url()).await?;
    join(bob, &room).await?;
    say(bob, "who waters the plants?").await?;
    sees(ann, &["who waters the plants?"]).await?;
    // Bob looks at another room, and wants to be told.
    let cellar = make_room(bob, "cellar").await?;
    bob.click("#alerts-button").await?;
    has(bob, "#alerts-button", "aria-pressed", "true").await?;

    // The list opens with `@`, shuts with Escape, and is chosen from with arrows and Enter; the name stands in the box, nothing is sent.
    ann.enter("#message-box", "@").await?;
    ann.shown("[data-testid=mention-option][data-user='밥']").await?;
    ann.enter("#message-box", ESCAPE).await?;
    gone(ann, "#mention-list").await?;
    ann.enter("#message-box", "밥").await?;
    ann.shown("[data-testid=mention-option][data-user='밥']").await?;
    ann.enter("#message-box", &format!("{ARROW_DOWN}{ENTER}")).await?;
    gone(ann, "#mention-list").await?;
    ann.enter("#message-box", &format!("you do{ENTER}")).await?;
    sees(ann, &["who waters the plants?", "@밥 you do"]).await?;

    let item = format!("[data-testid=room][data-room='{room}']");
    has(bob, &item, "data-mentions", "1").await?;
    let told = "return JSON.stringify(window.alerts) === JSON.stringify(arguments[0]) && document.title === arguments[1];";
    let first = "ann in garden: @밥 you do";
    bob.comes_true("a notification, and a count in the title", told, &json!([[first], "(1) Sarangbang"])).await?;

    // Looked at, it is read; muted, the room stays quiet.
    bob.click(&item).await?;
    has(bob, &item, "data-unread", "0").await?;
    bob.comes_true("no count in the title", "return document.title === 'Sarangbang';", &json!([])).await?;
    bob.click("#members-button").await?;
    bob.click("#mute-button").await?;
    has(bob, "#room", "data-muted", "true").await?;
    has(bob, &item, "data-muted", "true").await?;
    bob.click(&format!("[data-testid=room][data-room='{cellar}']")).await?;
    has(bob, "#room", "data-room", &cellar).await?;
    say(ann, "@밥 today!").await?;
    has(bob, &item, "data-unread", "1").await?;
    bob.comes_true("nothing is told", told, &json!([[first], "Sarangbang"])).await
}
