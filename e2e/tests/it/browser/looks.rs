//! How the page looks: wide and narrow, light and dark, in both languages, in the time zone of whoever looks.

use anyhow::{Result, ensure};
use e2e::browser::Window;
use e2e::person::Person;
use serde_json::{Value, json};

use super::{Scene, has, make_room, say};

/// A window's size and colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    /// A phone's width, and touch in place of a mouse.
    pub narrow: bool,
    /// What the system prefers.
    pub dark: bool,
}

impl Look {
    pub(super) const ALL: [Self; 4] = [
        Self { narrow: false, dark: false },
        Self { narrow: false, dark: true },
        Self { narrow: true, dark: false },
        Self { narrow: true, dark: true },
    ];

    fn name(self) -> String {
        format!("{}-{}", if self.narrow { "phone" } else { "desktop" }, if self.dark { "dark" } else { "light" })
    }
}

/// Looks at the window so.
pub(super) async fn look(window: &Window, Look { narrow, dark }: Look) -> Result<()> {
    let (width, height) = if narrow { (390, 780) } else { (1280, 800) };
    let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": narrow });
    window.devtools("Emulation.setDeviceMetricsOverride", &size).await?;
    let colours = json!({ "name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" } });
    let still = json!({ "name": "prefers-reduced-motion", "value": "reduce" });
    window.devtools("Emulation.setEmulatedMedia", &json!({ "features": [colours, still] })).await?;
    // The page is laid out anew before anything is asked of it.
    window
        .script("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));", &json!([]))
        .await
        .map(drop)
}

/// Takes a picture of each look, and sees to it that nothing sticks out at the side.
pub(super) async fn pictures(scene: &Scene, window: &Window, name: &str) -> Result<()> {
    for one in Look::ALL {
        look(window, one).await?;
        let wider = "return [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility()
            && e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.id || e.className || e.tagName);";
        let wider = window.script(wider, &json!([])).await?;
        ensure!(wider == Value::Array(Vec::new()), "{name}, {one:?}: sticks out: {wider}");
        window.screenshot(&scene.picture(&format!("{name}-{}", one.name()))).await?;
    }
    look(window, Look::default()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_suits_who_looks_at_it() -> Result<()> {
    let Some(scene) = Scene::start("browser-looks", &[]).await? else { return Ok(()) };
    let ann = scene.window_of("ann").await?;
    let told = every_look(&scene, &ann).await;
    scene.end(told, vec![("ann", ann)]).await
}

async fn every_look(scene: &Scene, ann: &Window) -> Result<()> {
    let room = make_room(ann, "veranda").await?;
    let bob = Person::sign_in(&scene.system.addresses(), "bob").await?;
    bob.add_member(&room, "me").await?;
    bob.send(&room, "It will rain tonight, and a word as long as this one goes on and on: Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen").await?;
    say(ann, "Then come in.").await?;
    ann.shown("[data-testid=message][data-number='2']").await?;
    pictures(scene, ann, "room").await?;

    let background = "return getComputedStyle(document.body).backgroundColor;";
    look(ann, Look { dark: true, ..Look::default() }).await?;
    let dark = ann.script(background, &json!([])).await?;
    look(ann, Look::default()).await?;
    let light = ann.script(background, &json!([])).await?;
    ensure!(light != dark, "{light} in both");
    // The button goes from the system's colours to light, then to dark.
    ann.click("#theme-button").await?;
    has(ann, "html", "data-theme", "light").await?;
    ann.click("#theme-button").await?;
    has(ann, "html", "data-theme", "dark").await?;
    ensure!(ann.script(background, &json!([])).await? == dark);

    ann.click("#language-button").await?;
    has(ann, "html", "lang", "ko").await?;
    ensure!(ann.texts("#send-button").await? == ["보내기"]);
    pictures(scene, ann, "room-korean").await?;
    // Both are remembered.
    ann.open(&scene.url()).await?;
    has(ann, "html", "lang", "ko").await?;
    has(ann, "html", "data-theme", "dark").await?;

    // One moment, in two time zones: 14 hours apart.
    ensure!(time_in(scene, ann, "Asia/Seoul").await? != time_in(scene, ann, "America/Lima").await?);
    Ok(())
}

/// What the page says of when the first message was sent, to somebody who lives in `zone`.
async fn time_in(scene: &Scene, window: &Window, zone: &str) -> Result<Value> {
    window.devtools("Emulation.setTimezoneOverride", &json!({ "timezoneId": zone })).await?;
    window.open(&scene.url()).await?;
    window.click("[data-testid=room]").await?;
    window.shown("[data-testid=message][data-number='2']").await?;
    let said = "return document.querySelector('[data-testid=message] time').textContent;";
    let wanted = "const local = new Intl.DateTimeFormat('ko', { hour: '2-digit', minute: '2-digit', timeZone: arguments[0] });
        return local.format(new Date(document.querySelector('[data-testid=message] time').dateTime));";
    let (said, wanted) = (window.script(said, &json!([])).await?, window.script(wanted, &json!([zone])).await?);
    ensure!(said == wanted, "in {zone} it is {wanted}, and the page says {said}");
    Ok(said)
}
