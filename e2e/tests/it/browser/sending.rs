//! The connection of one of two people is cut in the middle of sending, and comes back.

use anyhow::{Result, ensure};
use e2e::browser::Window;
use e2e::faults::proxy::{Proxy, Way};
use e2e::person::Person;
use serde_json::json;

use super::{Scene, gone, has, join, make_room, say, sees};

const PENDING: &str = "[data-testid=pending]";
/// Notes every kind of banner that is shown from now on.
const NOTE_BANNERS: &str = "window.banners = []; const banner = document.getElementById('banner');
    new MutationObserver(() => window.banners.push(banner.dataset.kind)).observe(banner, { attributes: true });";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_the_connection_is_cut_arrives_once() -> Result<()> {
    let Some(scene) = Scene::start("browser-sending", &[]).await? else { return Ok(()) };
    let way = Proxy::start(0, port_of(&scene)?).await?;
    let ann = scene.window_at(&format!("http://127.0.0.1:{}", way.port), "ann").await?;
    let bob = scene.window_of("bob").await?;
    let told = cut_in_the_middle(&scene, &way, &ann, &bob).await;
    scene.end(told, vec![("ann", ann), ("bob", bob)]).await
}

async fn cut_in_the_middle(scene: &Scene, way: &Proxy, ann: &Window, bob: &Window) -> Result<()> {
    let room = make_room(ann, "by the sea").await?;
    join(bob, &room).await?;
    say(ann, "one").await?;
    for window in [ann, bob] {
        sees(window, &["one"]).await?;
    }
    // The message goes out and is done; that it is done, nobody hears.
    way.set(Way::Unanswered);
    say(ann, "two").await?;
    sees(bob, &["one", "two"]).await?;
    ensure!(ann.texts(&format!("{PENDING} [data-testid=text]")).await? == ["two"], "shown at once, as not yet sent");
    let key = ann.attribute(PENDING, "data-key").await?;
    way.set(Way::Cut);
    has(ann, "#banner", "data-kind", "offline").await?;
    has(ann, PENDING, "data-state", "waiting").await?;
    ensure!(ann.attribute(PENDING, "data-key").await? == key, "under the key that it was first sent with");
    say(ann, "three").await?;
    say(ann, "four").await?;
    say(bob, "are you there?").await?;
    sees(bob, &["one", "two", "are you there?"]).await?;
    ensure!(ann.texts(&format!("{PENDING} [data-testid=text]")).await? == ["two", "three", "four"], "in their order");

    way.set(Way::Open);
    let all = ["one", "two", "are you there?", "three", "four"];
    for window in [ann, bob] {
        sees(window, &all).await?;
    }
    gone(ann, PENDING).await?;
    gone(ann, "#banner").await?;
    let witness = Person::sign_in(&scene.system.addresses(), "witness").await?;
    let history = witness.history(&room, None).await?;
    let texts: Vec<&str> = history.iter().filter_map(|message| message.get("text")?.as_str()).collect();
    ensure!(texts == all, "{texts:?}");
    Ok(())
}

/// More was missed than a feed catches up with: the page loads the room anew, says so, and stays where one was reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_missed_too_much_gets_the_room_anew_where_they_were() -> Result<()> {
    const CHANGES_MAX: usize = 10;
    let Some(scene) = Scene::start("browser-resync", &[("ws.changes_max", CHANGES_MAX.to_string())]).await? else {
        return Ok(());
    };
    let way = Proxy::start(0, port_of(&scene)?).await?;
    let ann = scene.window_at(&format!("http://127.0.0.1:{}", way.port), "ann").await?;
    let told = miss_too_much(&scene, &way, &ann, CHANGES_MAX).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn miss_too_much(scene: &Scene, way: &Proxy, ann: &Window, changes_max: usize) -> Result<()> {
    let room = make_room(ann, "by the sea").await?;
    let bob = Person::sign_in(&scene.system.addresses(), "bob").await?;
    bob.add_member(&room, "me").await?;
    for number in 1..=60 {
        bob.send(&room, &format!("line {number}")).await?;
    }
    ann.comes_true(
        "the last line",
        "return [...document.querySelectorAll('[data-testid=message]')].at(-1)?.dataset.number === '60';",
        &json!([]),
    )
    .await?;
    let there = "return new Promise((told) => requestAnimationFrame(() => told(
        document.querySelector('[data-testid=message][data-number=\"3\"] .message').getBoundingClientRect().top)));";
    ann.script("document.getElementById('messages').scrollTop = 0;", &json!([])).await?;
    let before = ann.script(there, &json!([])).await?;
    ann.script(NOTE_BANNERS, &json!([])).await?;
    way.set(Way::Cut);
    has(ann, "#banner", "data-kind", "offline").await?;
    for number in 0..=changes_max {
        bob.send(&room, &format!("missed {number}")).await?;
    }
    way.set(Way::Open);
    let said = "return window.banners.includes('resync') && document.getElementById('banner').hidden;";
    ann.comes_true("a banner that the room is loaded anew, and its end", said, &json!([])).await?;
    let after = ann.script(there, &json!([])).await?;
    let moved = after.as_f64().zip(before.as_f64()).map(|(after, before)| (after - before).abs());
    ensure!(moved.is_some_and(|pixels| pixels < 2.0), "line 3 was at {before} and is at {after}");
    ann.click("#newest-button").await?;
    let last = "const texts = [...document.querySelectorAll('[data-testid=message] [data-testid=text]')].map(e => e.textContent);
        return texts.at(-1) === arguments[0];";
    ann.comes_true("what was missed", last, &json!([format!("missed {changes_max}")])).await
}

fn port_of(scene: &Scene) -> Result<u16> {
    let url = scene.url();
    Ok(url.rsplit(':').next().unwrap_or_default().parse()?)
}
