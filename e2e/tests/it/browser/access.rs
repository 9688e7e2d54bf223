//! Who sees little, or uses no mouse, can use the page: axe-core finds nothing serious in any of its states.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::browser::Window;
use e2e::person::Person;
use serde_json::{Value, json};

use super::looks::{Look, look};
use super::{ARROW_UP, ESCAPE, Scene, make_room, say, sees};

/// What axe-core finds, of what it calls serious or worse: the rule, and where.
const RUN: &str = "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} (${failureSummary})`).join(' | ')}`));";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious() -> Result<()> {
    let Some(scene) = Scene::start("browser-access", &[]).await? else { return Ok(()) };
    let ann = scene.driver.window(&scene.stage.folder.join("ann")).await?;
    let told = every_state(&scene, &ann).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn every_state(scene: &Scene, ann: &Window) -> Result<()> {
    ann.open(&scene.url()).await?;
    ann.shown("#sign-in").await?;
    nothing_serious(ann, "the sign-in").await?;
    super::sign_in(ann, &scene.url(), "ann").await?;
    let room = make_room(ann, "library").await?;
    let bob = Person::sign_in(&scene.system.addresses(), "bob").await?;
    bob.add_member(&room, "me").await?;
    bob.send(&room, "@ann, have you read https://example.org/a-page?").await?;
    say(ann, "not yet").await?;
    sees(ann, &["@ann, have you read https://example.org/a-page?", "not yet"]).await?;
    nothing_serious(ann, "a room").await?;
    ann.enter("#messages", &format!("{ARROW_UP}{ARROW_UP}")).await?;
    ann.click("[data-number='1'] [data-testid=react]").await?;
    ann.shown("#emoji-picker").await?;
    nothing_serious(ann, "a message with its buttons, and the emoji").await?;
    ann.click("#emoji-picker [data-emoji='👍']").await?;
    ann.shown("[data-testid=reaction]").await?;
    ann.click("#members-button").await?;
    ann.shown("[data-testid=member][data-user=bob]").await?;
    nothing_serious(ann, "the members").await?;
    ann.click("#members-close").await?;
    ann.enter("#message-box", "@").await?;
    ann.shown("[data-testid=mention-option]").await?;
    nothing_serious(ann, "the names to mention").await?;
    ann.enter("#message-box", ESCAPE).await?;
    for (button, dialog) in [("#new-room-button", "#new-room"), ("#directory-button", "#directory")] {
        ann.click(button).await?;
        ann.shown(dialog).await?;
        nothing_serious(ann, dialog).await?;
        ann.script("document.querySelector(arguments[0]).close();", &json!([dialog])).await?;
    }
    Ok(())
}

/// In both colours, wide and narrow.
pub(super) async fn nothing_serious(window: &Window, what: &str) -> Result<()> {
    let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("vendor/axe-core/axe.min.js");
    let axe = std::fs::read_to_string(&axe).with_context(|| format!("cannot read {}", axe.display()))?;
    for one in Look::ALL {
        look(window, one).await?;
        window.script(&format!("if (!window.axe) {{ {axe} }}"), &json!([])).await?;
        let found = window.script(RUN, &json!([])).await?;
        ensure!(found == Value::Array(Vec::new()), "{what}, {one:?}: {found:#}");
    }
    look(window, Look::default()).await
}
