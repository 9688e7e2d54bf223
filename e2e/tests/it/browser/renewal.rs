//! The page renews its session by itself, and two tabs that share it do not end it for each other.

use anyhow::{Context as _, Result, ensure};
use e2e::browser::Window;
use e2e::patience::{LATE, until};
use infra::clock::{Clock as _, SystemClock};

use super::{Scene, make_room, say, sees};

const TOKEN_MS: i64 = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_stays_signed_in_longer_than_a_token_is_good() -> Result<()> {
    let Some(scene) = Scene::start("browser-renewal", &[("tokens.lifetime_ms", TOKEN_MS.to_string())]).await? else {
        return Ok(());
    };
    let ann = scene.window_of("ann").await?;
    let told = two_tabs(&scene, &ann).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn two_tabs(scene: &Scene, ann: &Window) -> Result<()> {
    ann.another_tab().await?;
    ann.open(&scene.url()).await?;
    ann.shown("#app").await?;
    let accounts = infra::credentials::sqlite::open(&scene.stage.folder.join("all").join("auth.sqlite")).await?;
    let user = domain::UserId::parse("ann")?;
    until("two lives of a token", LATE, async || {
        let sessions = accounts.sessions(&user, SystemClock.now()).await?;
        let session = sessions.first().context("the session is over")?;
        ensure!(sessions.len() == 1, "one session: {sessions:?}");
        Ok((session.used_at.as_millis() - session.created_at.as_millis() > 2 * TOKEN_MS).then_some(()))
    })
    .await?;
    // Without a good token the room would not be made, and the page would say that the session has ended.
    make_room(ann, "still here").await?;
    say(ann, "and well").await?;
    sees(ann, &["and well"]).await?;
    let audit = accounts.audit_of(&user, 100).await?;
    ensure!(audit.iter().all(|row| row.event != "refresh-reused"), "{audit:?}");
    // Signed out in one tab is signed out in the other, and the page says so.
    ann.click("#sign-out-button").await?;
    ann.shown("#sign-in").await
}
