//! Friends, presence, direct rooms and blocks.

use anyhow::{Result, ensure};
use e2e::browser::Window;

use super::{say, sees};

/// Ann asks, Bob accepts, both see each other online, they talk in their direct room, and Ann blocks Bob.
pub(super) async fn they_become_friends_and_one_blocks_the_other(ann: &Window, bob: &Window) -> Result<()> {
    let friend = |id: &str, friendship: &str| format!("[data-testid=friend][data-user='{id}'][data-friendship={friendship}]");
    ann.click("#people-button").await?;
    ann.shown("#friends-empty").await?;
    ensure!(ann.texts("[data-testid=toast]").await?.is_empty(), "the list is asked for without a problem");
    ann.enter("#befriend-id", "밥").await?;
    ann.click("#befriend-button").await?;
    ann.shown(&friend("밥", "outgoing")).await?;
    bob.click("#people-button").await?;
    bob.click(&format!("{} [data-testid=friend-accept]", friend("ann", "incoming"))).await?;
    bob.shown(&format!("{}[data-presence=online]", friend("ann", "friends"))).await?;
    bob.click("[data-close=people]").await?;

    // What the page shows of friends is asked for when it is opened; presence comes by itself.
    ann.click("[data-close=people]").await?;
    ann.click("#people-button").await?;
    ann.shown(&format!("{}[data-presence=online]", friend("밥", "friends"))).await?;
    ann.click(&format!("{} [data-testid=friend-message]", friend("밥", "friends"))).await?;
    ann.shown("#message-box").await?;
    say(ann, "just the two of us").await?;
    ann.shown("[data-testid=room][data-kind=direct][data-presence=online]").await?;
    bob.click("[data-testid=room][data-kind=direct]").await?;
    sees(bob, &["just the two of us"]).await?;

    ann.click("#people-button").await?;
    ann.click(&format!("{} [data-testid=friend-block]", friend("밥", "friends"))).await?;
    ann.click("#confirm-yes").await?;
    ann.shown("[data-testid=blocked][data-user='밥']").await?;
    ann.shown("#friends-empty").await?;
    bob.shown("[data-testid=room][data-kind=direct][data-presence=offline]").await?;
    bob.click("#people-button").await?;
    bob.shown("#friends-empty").await?;
    bob.enter("#befriend-id", "ann").await?;
    bob.click("#befriend-button").await?;
    bob.shown("[data-testid=toast][data-code=blocked]").await
}
