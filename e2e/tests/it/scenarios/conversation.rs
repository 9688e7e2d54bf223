//! Two people and a room.

use anyhow::{Context, Result, ensure};
use e2e::live::Live;
use e2e::person::{Person, key};
use e2e::system::Addresses;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::fresh;

/// What one writes the other gets live, and the history says the same.
pub async fn what_is_written_arrives(at: &Addresses) -> Result<()> {
    let (ann, bob) = (Person::sign_in(at, &fresh("ann")).await?, Person::sign_in(at, &fresh("밥")).await?);
    let room = ann.create_room("private", "사랑방 kitchen").await?;
    let joined = ann.add_member(&room, &bob.id).await?;

    let shown = bob.query(&format!("/chat/rooms/{room}"), joined.read_token.as_deref()).await?.success()?;
    ensure!(shown.text("/name")? == "사랑방 kitchen", "{shown:?}");
    let mut live = Live::open(&bob).await?;
    live.subscribe(&room, None).await?;

    let mut sent = Vec::new();
    for text in ["안녕, 밥!", "two\nlines", "🧑‍🚀 emoji", "e\u{301} becomes é"] {
        let answer = ann.send(&room, text).await?;
        let message = live.next_message(&room).await?;
        ensure!(message.get("number").and_then(Value::as_u64) == Some(answer.number("/number")?), "{message} for {answer:?}");
        ensure!(message.get("author").and_then(Value::as_str) == Some(&ann.id), "{message}");
        sent.push(message);
    }
    let last = ann.send(&room, "the last").await?;
    sent.push(live.next_message(&room).await?);
    ensure!(last.status == StatusCode::CREATED, "{last:?}");

    // Whoever brings the read token sees what they wrote, without waiting in the client.
    let history = bob.history(&room, last.read_token.as_deref()).await?;
    ensure!(history == sent, "history {history:#?}\nlive {sent:#?}");
    let texts: Vec<_> = history.iter().filter_map(|message| message.get("text").and_then(Value::as_str)).collect();
    ensure!(texts == ["안녕, 밥!", "two\nlines", "🧑‍🚀 emoji", "é becomes é", "the last"], "{texts:?}");
    let numbers: Vec<_> = history.iter().filter_map(|message| message.get("number").and_then(Value::as_u64)).collect();
    ensure!(numbers == [1, 2, 3, 4, 5], "{numbers:?}");

    // Sending reads: what one wrote is unread to the other alone.
    for (person, unread) in [(&ann, 0), (&bob, 5)] {
        let shown = person.query(&format!("/chat/rooms/{room}"), last.read_token.as_deref()).await?.success()?;
        ensure!(shown.number("/unread")? == unread, "{}: {shown:?}", person.id);
    }
    Ok(())
}

/// A repeated command has the outcome of the first; the same key for something else is refused.
pub async fn a_repeat_changes_nothing(at: &Addresses) -> Result<()> {
    let ann = Person::sign_in(at, &fresh("ann")).await?;
    let room = ann.create_room("private", "once").await?;
    let (path, key, nodes) = (format!("/chat/rooms/{room}/messages"), key(), [at.command.clone()]);
    let body = json!({ "text": "once" });
    let first = ann.insist(&nodes, Method::POST, &path, Some(&body), key).await?;
    let again = ann.insist(&nodes, Method::POST, &path, Some(&body), key).await?;
    ensure!((first.status, &first.body) == (again.status, &again.body), "{first:?}\n{again:?}");
    let other = ann.command(Method::POST, &path, Some(&json!({ "text": "twice" })), key).await?;
    ensure!(other.status == StatusCode::UNPROCESSABLE_ENTITY, "{other:?}");
    let after = ann.send(&room, "next").await?;
    ensure!(after.number("/number")? == 2, "the repeat took no number: {after:?}");
    let history = ann.history(&room, after.read_token.as_deref()).await?;
    ensure!(history.len() == 2, "{history:?}");
    Ok(())
}

/// Who was removed reads nothing more of a private room, in queries or live.
pub async fn who_is_removed_is_cut_off(at: &Addresses) -> Result<()> {
    let (ann, bob) = (Person::sign_in(at, &fresh("ann")).await?, Person::sign_in(at, &fresh("bob")).await?);
    let room = ann.create_room("private", "secret").await?;
    let joined = ann.add_member(&room, &bob.id).await?;
    bob.history(&room, joined.read_token.as_deref()).await?;
    let mut live = Live::open(&bob).await?;
    live.subscribe(&room, None).await?;

    let path = format!("/chat/rooms/{room}/members/{}", bob.id);
    let removed = ann.insist(std::slice::from_ref(&at.command), Method::DELETE, &path, None, key()).await?;
    let secret = ann.send(&room, "now that bob is gone").await?;
    let error = live.next_of(&["error", "message"]).await?;
    ensure!(error.get("code").and_then(Value::as_str) == Some("removed"), "{error}");

    let messages = format!("/chat/rooms/{room}/messages");
    let refused = bob.query(&messages, removed.read_token.as_deref()).await?;
    ensure!(refused.status == StatusCode::NOT_FOUND, "{refused:?}");
    let sent = bob.command(Method::POST, &messages, Some(&json!({ "text": "still here" })), key()).await?;
    ensure!(matches!(sent.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{sent:?}");
    ensure!(ann.history(&room, secret.read_token.as_deref()).await?.len() == 1, "only what was allowed was said");
    Ok(())
}

/// A client that was away resumes after the version that it has, and misses nothing.
pub async fn a_client_resumes_where_it_was(at: &Addresses) -> Result<()> {
    let (ann, bob) = (Person::sign_in(at, &fresh("ann")).await?, Person::sign_in(at, &fresh("bob")).await?);
    let room = ann.create_room("private", "resume").await?;
    let joined = ann.add_member(&room, &bob.id).await?;
    bob.history(&room, joined.read_token.as_deref()).await?;
    let mut live = Live::open(&bob).await?;
    live.subscribe(&room, None).await?;
    ann.send(&room, "while here").await?;
    live.next_message(&room).await?;
    let version = live.version(&room).context("no version")?;
    drop(live);

    ann.send(&room, "while away 1").await?;
    ann.send(&room, "while away 2").await?;
    let mut live = Live::open(&bob).await?;
    live.subscribe(&room, Some(version)).await?;
    for expected in ["while away 1", "while away 2"] {
        let message = live.next_message(&room).await?;
        ensure!(message.get("text").and_then(Value::as_str) == Some(expected), "{message}");
    }
    ann.send(&room, "back again").await?;
    let message = live.next_message(&room).await?;
    ensure!(message.get("text").and_then(Value::as_str) == Some("back again"), "{message}");
    Ok(())
}
