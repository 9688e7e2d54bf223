//! Registrations that wait for command-api, as those who register and an administrator see them.

use anyhow::{Context as _, Result, ensure};
use e2e::patience::{LATE, SOON, until};
use e2e::person::{PASSWORD, Person, key};
use e2e::system::{Addresses, Cluster, servers};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_waits_out_an_outage_or_is_given_up_and_is_watched_meanwhile() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("sagas-watched").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 1).await?;
    let at = system.addresses(0, 0)?;
    let root = administrator(&system, &at).await?;
    let command_api = system.command.first_mut().context("no command-api")?;
    command_api.kill().await?;

    // Who cannot be reached has executed nothing, so that one may be given up: then nothing is left of it.
    let bobs = wish("bob");
    let bob = Person::nobody(&at, "bob")?;
    let asked = bob.user(Method::POST, "/user", Some(&bobs), key()).await?;
    let id = asked.text("/id")?.to_owned();
    until("it is given up", SOON, async || {
        let abort = root.command(Method::POST, &format!("/chat/admin/sagas/{id}/abort"), None, key()).await?;
        Ok((abort.status == StatusCode::OK).then_some(()))
    })
    .await?;
    until("it is over", SOON, async || {
        let shown = bob.user(Method::GET, &format!("/user/registrations/{id}"), None, key()).await?.success()?;
        Ok((shown.text("/state")? == "refused" && shown.text("/reason")? == "saga-aborted").then_some(()))
    })
    .await?;

    let (ann, key_of_ann, anns) = (Person::nobody(&at, "ann")?, key(), wish("ann"));
    let asked = ann.user(Method::POST, "/user", Some(&anns), key_of_ann).await?;
    ensure!(asked.status == StatusCode::ACCEPTED && asked.text("/state")? == "pending", "{asked:?}");
    let id = asked.text("/id")?.to_owned();
    let told = tokio::spawn(reqwest::get(format!("{}/user/registrations/{id}/events", at.auth)));
    let saga = format!("/chat/admin/sagas/{id}");
    let tried = until("the step is tried", SOON, async || {
        let shown = root.query(&saga, None).await?.success()?;
        Ok((shown.number("/saga/step/attempts")? > 1).then_some(shown))
    });
    let tried = tried.await?;
    ensure!(tried.text("/saga/state")? == "running" && tried.text("/saga/step/name")? == "register-user", "{tried:?}");
    let listed = root.query("/chat/admin/sagas?kind=registration&state=running&subject=ann", None).await?.success()?;
    ensure!(listed.array("/items")?.iter().map(|saga| &saga["id"]).eq([&json!(id)]), "{listed:?}");

    command_api.start().await?;
    // Tried now, by hand, or by itself a moment before.
    until("it is tried by hand", SOON, async || {
        let retry = root.command(Method::POST, &format!("{saga}/retry"), None, key()).await?;
        Ok((retry.status == StatusCode::OK || retry.code() == "saga-idle").then_some(()))
    })
    .await?;
    let shown = until("it is over", LATE, async || {
        let shown = root.query(&saga, None).await?.success()?;
        Ok((shown.text("/saga/state")? == "completed").then_some(shown))
    });
    let shown = shown.await?;
    let steps: Vec<_> = shown.array("/steps")?.iter().map(|step| (step["name"].as_str(), step["outcome"].as_str())).collect();
    let told_so = Some("tell/sarangbang.saga.person-registered.v1");
    ensure!(steps == [(Some("register-user"), Some("done")), (told_so, Some("done"))], "{shown:?}");
    // The stream said so, and ended by itself.
    let stream = told.await??.text().await?;
    let states: Vec<Value> = stream.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect();
    ensure!(states.iter().map(|state| &state["state"]).eq([&json!("pending"), &json!("registered")]), "{stream}");
    let again = ann.user(Method::POST, "/user", Some(&anns), key_of_ann).await?;
    ensure!(again.status == StatusCode::CREATED, "the same request again: {again:?}");
    ann.user(Method::POST, "/user/login", Some(&anns), key()).await?.success()?;
    // The id that was given up is free.
    let bob = bob.user(Method::POST, "/user", Some(&bobs), key()).await?;
    ensure!(bob.status == StatusCode::CREATED, "{bob:?}");

    let orchestrator = &system.orchestrator;
    until("the metrics", SOON, async || {
        let page = orchestrator.metrics().await?;
        let line =
            |name: &str| page.lines().find(|line| line.starts_with(name) && line.contains("registration")).map(str::to_owned);
        ensure!(line("sarangbang_saga_steps_repeated_total").is_some(), "nothing was repeated");
        let ended = |how: &str| page.lines().any(|line| line.starts_with("sarangbang_sagas_ended_total") && line.contains(how));
        ensure!(ended("completed") && ended("aborted"), "not counted");
        ensure!(line("sarangbang_sagas_stuck").is_some_and(|line| line.ends_with(" 0")), "one is stuck");
        Ok(Some(()))
    })
    .await
}

fn wish(name: &str) -> Value {
    json!({ "userId": name, "password": PASSWORD })
}

/// Somebody who watches sagas: their commands and queries go to the orchestrator.
pub async fn administrator(system: &Cluster, at: &Addresses) -> Result<Person> {
    let tools = system.command.first().context("no command-api")?;
    let made = tools.tool(&["admin", "create", "root"], &[]).await?;
    let password = made.lines().find_map(|line| line.strip_prefix("password: ")).context("no password")?;
    let orchestrator = system.orchestrator.public_url();
    let mut root = Person::nobody(&Addresses { command: orchestrator.clone(), query: orchestrator, ..at.clone() }, "root")?;
    let wish = json!({ "userId": "root", "password": password });
    let signed_in = root.user(Method::POST, "/user/login", Some(&wish), key()).await?.success()?;
    signed_in.text("/token")?.clone_into(&mut root.token);
    Ok(root)
}
