//! Two friends, perhaps at different nodes, see each other come and go, type, hide, and block.

use anyhow::{Context, Result, ensure};
use e2e::live::Live;
use e2e::patience::{SOON, until};
use e2e::person::{Person, key};
use e2e::system::Addresses;
use reqwest::Method;
use serde_json::{Value, json};

/// Ann is at the one node, Bob at the other.
pub async fn friends_see_each_other(at: &Addresses, elsewhere: &Addresses) -> Result<()> {
    let unique = key().simple().to_string();
    let ann = Person::sign_in(at, &format!("ann-{unique}")).await?;
    let bob = Person::sign_in(elsewhere, &format!("bob-{unique}")).await?;
    let friends = |person: &Person| format!("/chat/friends/{}", person.id);
    insist(&ann, Method::PUT, &friends(&bob), None).await?;
    insist(&bob, Method::PUT, &friends(&ann), None).await?;

    let (mut hers, mut his) = (Live::open(&ann).await?, Live::open(&bob).await?);
    say(&mut hers, "online").await?;
    told(&mut his, &ann, "online", true).await?;
    told(&mut hers, &bob, "online", false).await?;
    say(&mut his, "away").await?;
    told(&mut hers, &bob, "away", false).await?;
    listed(&ann, &bob, "away").await?;

    let room = json!({ "kind": "direct", "members": [bob.id] });
    let room = insist(&ann, Method::POST, "/chat/rooms", Some(&room)).await?;
    let room = room.get("roomId").and_then(Value::as_str).context("no room")?.to_owned();
    for live in [&mut hers, &mut his] {
        live.subscribe(&room, None).await?;
    }
    his.send(&json!({ "type": "typing", "room": room })).await?;
    let typing = hers.next_of(&["typing"]).await?;
    ensure!(typing.get("userId") == Some(&json!(bob.id)), "{typing}");

    insist(&bob, Method::PATCH, "/chat/people/me", Some(&json!({ "presenceHidden": true }))).await?;
    told(&mut hers, &bob, "offline", false).await?;
    insist(&bob, Method::PATCH, "/chat/people/me", Some(&json!({ "presenceHidden": false }))).await?;
    told(&mut hers, &bob, "away", false).await?;

    insist(&ann, Method::PUT, &format!("/chat/blocks/{}", bob.id), None).await?;
    told(&mut his, &ann, "offline", false).await?;
    told(&mut hers, &bob, "offline", false).await
}

async fn insist(person: &Person, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
    let nodes = [person.at.command.clone()];
    Ok(person.insist(&nodes, method, path, body, key()).await?.body)
}

async fn say(live: &mut Live, state: &str) -> Result<()> {
    live.send(&json!({ "type": "presence", "state": state })).await
}

/// The next that is told is this; with `first`, the socket takes part from now on.
async fn told(live: &mut Live, whom: &Person, state: &str, first: bool) -> Result<()> {
    if first {
        say(live, "online").await?;
    }
    let frame = live.next_of(&["presence"]).await?;
    let person = frame.pointer("/people/0").with_context(|| format!("nobody in {frame}"))?;
    ensure!(person.get("userId") == Some(&json!(whom.id)) && person.get("state") == Some(&json!(state)), "{frame}, not {state}");
    Ok(())
}

async fn listed(person: &Person, friend: &Person, state: &str) -> Result<()> {
    until("the list of friends says it", SOON, || async {
        let page = person.query("/chat/friends", None).await?.success()?;
        let friends = page.array("/items")?;
        let found = friends.iter().find(|row| row.get("userId") == Some(&json!(friend.id)));
        Ok((found.and_then(|row| row.pointer("/presence/state")) == Some(&json!(state))).then_some(()))
    })
    .await
}
