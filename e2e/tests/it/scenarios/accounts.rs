//! Accounts, from registering to being shut out, however the system is set up.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::live::Live;
use e2e::patience::{SOON, until};
use e2e::person::{PASSWORD, Person, key};
use e2e::proof;
use e2e::system::Addresses;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// How long somebody whose session has ended may go on at most. A second is promised, and some tens of milliseconds are usual; the machine
/// of the tests may be busy.
const CUT_OFF: Duration = Duration::from_secs(5);

/// A person who has signed in, and their refresh token.
async fn signed_in(at: &Addresses, id: &str) -> Result<(Person, Value)> {
    let mut person = Person::sign_in(at, id).await?;
    let wish = json!({ "userId": id, "password": PASSWORD });
    let answer = person.user(Method::POST, "/user/login", Some(&wish), key()).await?.success()?;
    answer.text("/token")?.clone_into(&mut person.token);
    Ok((person, json!(answer.text("/refreshToken")?)))
}

/// The token is renewed and goes on; whoever has an older one ends the session, and with it all that was signed for it, everywhere.
pub async fn a_session_is_renewed_and_a_stolen_token_ends_it(at: &Addresses) -> Result<()> {
    let (mut ann, first) = signed_in(at, &super::fresh("ann")).await?;
    let (stolen, stolen_refresh) = (ann.clone(), first.clone());
    let mut refresh = first;
    for _ in 0..2 {
        let answer = ann.user(Method::POST, "/user/token", Some(&json!({ "refreshToken": refresh })), key()).await?.success()?;
        answer.text("/token")?.clone_into(&mut ann.token);
        refresh = json!(answer.text("/refreshToken")?);
    }
    let room = ann.create_room("private", "renewed").await?;
    let live = Live::open(&ann).await?;
    let theft = stolen.user(Method::POST, "/user/token", Some(&json!({ "refreshToken": stolen_refresh })), key()).await?;
    ensure!(theft.status == StatusCode::UNAUTHORIZED && theft.code() == "session-over", "{theft:?}");
    cut_off(&ann, live, &room, Instant::now()).await?;
    let over = ann.user(Method::POST, "/user/token", Some(&json!({ "refreshToken": refresh })), key()).await?;
    ensure!(over.status == StatusCode::UNAUTHORIZED, "{over:?}");
    Ok(())
}

/// Who signs out is out everywhere soon after: commands, queries, and a socket that is open.
pub async fn who_signs_out_is_cut_off_everywhere(at: &Addresses) -> Result<()> {
    let name = super::fresh("ann");
    let ((ann, _), (other, _)) = (signed_in(at, &name).await?, signed_in(at, &name).await?);
    let room = ann.create_room("private", "signed out").await?;
    ann.send(&room, "still here").await?;
    let (live, mut others) = (Live::open(&ann).await?, Live::open(&other).await?);
    ann.user(Method::POST, "/user/logout", None, key()).await?.success()?;
    cut_off(&ann, live, &room, Instant::now()).await?;
    // The other session of the same person is none the worse.
    others.subscribe(&room, None).await?;
    let sent = other.send(&room, "and here").await?;
    ensure!(others.next_message(&room).await?.get("text") == Some(&json!("and here")), "not live");
    let history = other.history(&room, sent.read_token.as_deref()).await?;
    let text = |message: Option<&Value>| message.and_then(|message| message.get("text")).cloned();
    ensure!(text(history.first()) == Some(json!("still here")) && text(history.last()) == Some(json!("and here")), "{history:?}");
    Ok(())
}

/// Fails unless `person` is out everywhere soon after `since`.
async fn cut_off(person: &Person, live: Live, room: &str, since: Instant) -> Result<()> {
    let refused = |status: StatusCode, code: &str| (status == StatusCode::UNAUTHORIZED && code == "token-revoked").then_some(());
    let path = format!("/chat/rooms/{room}/messages");
    let command = until("a command is refused", SOON, async || {
        let answer = person.command(Method::POST, &path, Some(&json!({ "text": "too late" })), key()).await?;
        Ok(refused(answer.status, answer.code()))
    });
    let query = until("a query is refused", SOON, async || {
        let answer = person.query("/chat/rooms", None).await?;
        Ok(refused(answer.status, answer.code()))
    });
    let timed = async |what: &'static str, done: Result<()>| done.map(|()| (what, since.elapsed()));
    let (command, query, socket) =
        tokio::join!(async { timed("a command", command.await).await }, async { timed("a query", query.await).await }, async {
            timed("the socket", live.closed().await.map(drop)).await
        },);
    for done in [command, query, socket] {
        let (what, after) = done?;
        ensure!(after < CUT_OFF, "{what} was let through for {after:?}");
        proof::record(&format!("session over; {what} is refused after"), &format!("{} ms", after.as_millis()))?;
    }
    ensure!(Live::open(person).await.is_err(), "a new socket is refused");
    Ok(())
}

/// An unknown user, a wrong password and somebody who is shut out are told the same.
pub async fn strangers_learn_nothing(at: &Addresses) -> Result<()> {
    let name = super::fresh("ann");
    Person::sign_in(at, &name).await?;
    let nobody = Person::nobody(at, "nobody")?;
    let mut told = Vec::new();
    for (user, password) in [(name.as_str(), "quite another password"), (&super::fresh("nobody"), PASSWORD)] {
        let wish = json!({ "userId": user, "password": password });
        let answer = nobody.user(Method::POST, "/user/login", Some(&wish), key()).await?;
        let mut body = answer.body.as_object().context("no problem")?.clone();
        body.remove("traceId");
        told.push((answer.status, body));
    }
    ensure!(told.first() == told.last() && told.first().is_some_and(|told| told.0 == StatusCode::UNAUTHORIZED), "{told:?}");
    Ok(())
}
