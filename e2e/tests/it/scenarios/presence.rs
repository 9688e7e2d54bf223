//! Two friends, perhaps at different nodes, see each other come and go, type, hide, and block.

use anyhow::{Context, Result, ensure};
use e2e::live::Live;
use e2e::patience::{LATE, SOON, until};
use e2e::person::{Person, key};
use e2e::system::Addresses;
use reqwest::Method;
use serde_json::{Value, json};

/// Ann is at the one node, Bob at the other.
pub async fn friends_see_each_other(at: &Addresses, elsewhere: &Addresses) -> Result<()> {
    let (ann, bob) = two_friends(at, elsewhere).await?;
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

/// Two who are there, at one node each, and the socket of the second one.
pub async fn two_friends_online(at: &Addresses, elsewhere: &Addresses) -> Result<(Person, Person, Live)> {
    let (ann, bob) = two_friends(at, elsewhere).await?;
    let mut his = Live::open(&bob).await?;
    say(&mut his, "online").await?;
    listed(&ann, &bob, "online").await?;
    Ok((ann, bob, his))
}

/// Waits until nobody says any more that `friend` is there.
pub async fn was_last_seen(person: &Person, friend: &Person) -> Result<()> {
    until("the friend is gone", LATE, || async {
        let shown = presence_of(person, friend).await?;
        let is_gone = shown.get("state") == Some(&json!("offline")) && shown.get("lastSeenAt").is_some_and(Value::is_string);
        Ok(is_gone.then_some(()))
    })
    .await
}

async fn two_friends(at: &Addresses, elsewhere: &Addresses) -> Result<(Person, Person)> {
    let unique = key().simple().to_string();
    let ann = Person::sign_in(at, &format!("ann-{unique}")).await?;
    let bob = Person::sign_in(elsewhere, &format!("bob-{unique}")).await?;
    let friends = |person: &Person| format!("/chat/friends/{}", person.id);
    insist(&ann, Method::PUT, &friends(&bob), None).await?;
    insist(&bob, Method::PUT, &friends(&ann), None).await?;
    Ok((ann, bob))
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
    let said = || async { Ok((presence_of(person, friend).await?.get("state") == Some(&json!(state))).then_some(())) };
    until("the list of friends says it", SOON, said).await
}

/// How a friend stands in the list of `person`.
async fn presence_of(person: &Person, friend: &Person) -> Result<Value> {
    let page = person.query("/chat/friends", None).await?.success()?;
    let friend = page.array("/items")?.iter().find(|row| row.get("userId") == Some(&json!(friend.id)));
    Ok(friend.and_then(|row| row.get("presence")).cloned().unwrap_or_default())
}
