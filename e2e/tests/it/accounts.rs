//! Accounts in the real program: sessions, the command line, kill -9 in the middle of a registration, and a chat whose sign-in is down.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::live::Live;
use e2e::patience::{LATE, SOON, until};
use e2e::person::{PASSWORD, Person, key};
use e2e::process::Node;
use e2e::system::{Addresses, Cluster, Embedded, servers};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scenarios::accounts;
use crate::stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_in_one_process() -> Result<()> {
    let stage = stage("accounts").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let at = system.addresses();
    accounts::a_session_is_renewed_and_a_stolen_token_ends_it(&at).await?;
    accounts::who_signs_out_is_cut_off_everywhere(&at).await?;
    accounts::strangers_learn_nothing(&at).await?;
    system.node.stop().await
}

/// Sign-in, commands and queries in processes of their own, on Kafka and Postgres; then without the sign-in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_over_processes_and_a_chat_whose_sign_in_is_down() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("accounts-cluster").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 1).await?;
    let at = system.addresses(0, 0)?;
    accounts::a_session_is_renewed_and_a_stolen_token_ends_it(&at).await?;
    accounts::who_signs_out_is_cut_off_everywhere(&at).await?;
    accounts::strangers_learn_nothing(&at).await?;

    let (ann, bob) = (Person::sign_in(&at, "ann").await?, Person::sign_in(&at, "bob").await?);
    let room = ann.create_room("private", "without a sign-in").await?;
    let added = ann.add_member(&room, "bob").await?;
    bob.query(&format!("/chat/rooms/{room}"), added.read_token.as_deref()).await?.success()?;
    system.auth.kill().await?;
    ensure!(Person::sign_in(&at, "cid").await.is_err(), "auth-api is down");
    let mut live = Live::open(&bob).await?;
    live.subscribe(&room, None).await?;
    let sent = ann.send(&room, "who needs it").await?;
    ensure!(live.next_message(&room).await?["text"] == "who needs it", "not live");
    ensure!(bob.history(&room, sent.read_token.as_deref()).await?.len() == 1, "not read back");
    system.auth.start().await?;
    let cid = Person::sign_in(&at, "cid").await?;
    cid.query("/chat/rooms", None).await?.success()?;
    // The token was signed before, and the keys are the same.
    ann.send(&room, "back").await?;
    Ok(())
}

/// The process dies at any moment of a registration; asked again under the same key, it is registered, and once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_in_the_middle_of_registrations_leaves_them_whole() -> Result<()> {
    const KILLS: u64 = 6;
    const PEOPLE: usize = 4;
    let stage = stage("accounts-kill").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    for kill in 0..KILLS {
        let at = system.addresses();
        let people: Vec<_> = (0..PEOPLE).map(|number| (format!("p{kill}-{number}"), key())).collect();
        let asking: Vec<_> = people.iter().cloned().map(|(name, key)| tokio::spawn(register(at.clone(), name, key))).collect();
        // A registration takes some tens of milliseconds: each round is killed elsewhere in it.
        tokio::time::sleep(Duration::from_millis(kill * 25)).await;
        system.node.kill().await?;
        for asked in asking {
            // Answered, or cut off; both is right.
            let _outcome = asked.await?;
        }
        system.node.start().await?;
        let at = system.addresses();
        for (name, key) in people {
            let registered =
                async || Ok((register(at.clone(), name.clone(), key).await?.status == StatusCode::CREATED).then_some(()));
            until("a registration", LATE, registered).await?;
            let wish = json!({ "userId": name, "password": PASSWORD });
            let nobody = Person::nobody(&at, &name)?;
            nobody.user(Method::POST, "/user/login", Some(&wish), e2e::person::key()).await?.success()?;
            let other = nobody.user(Method::POST, "/user", Some(&wish), e2e::person::key()).await?;
            ensure!(other.status == StatusCode::CONFLICT, "{other:?}");
        }
    }
    system.node.stop().await
}

async fn register(at: Addresses, name: String, key: uuid::Uuid) -> Result<e2e::person::Answer> {
    let wish = json!({ "userId": name, "password": PASSWORD });
    Person::nobody(&at, &name)?.user(Method::POST, "/user", Some(&wish), key).await
}

/// What an operator must be able to see afterwards, and what nobody may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_events_are_in_the_audit_table_and_in_the_log() -> Result<()> {
    let stage = stage("accounts-audit").await?;
    let mut system = Embedded::start_with(&stage.folder, &[("telemetry.format", "json".to_owned())]).await?;
    let at = system.addresses();
    let ann = Person::sign_in(&at, "ann").await?;
    let wrong = json!({ "userId": "ann", "password": "wrong horse battery staple" });
    ann.user(Method::POST, "/user/login", Some(&wrong), key()).await?;
    let right = json!({ "userId": "ann", "password": PASSWORD });
    let first = ann.user(Method::POST, "/user/login", Some(&right), key()).await?.success()?.body["refreshToken"].clone();
    let renew = async |token: &Value| ann.user(Method::POST, "/user/token", Some(&json!({ "refreshToken": token })), key()).await;
    let second = renew(&first).await?.success()?.body["refreshToken"].clone();
    let third = renew(&second).await?.success()?.body["refreshToken"].clone();
    ensure!(renew(&first).await?.status == StatusCode::UNAUTHORIZED, "it is old");
    system.node.tool(&["admin", "grant", "ann"], &[]).await?;
    let expected = [
        "registration-requested",
        "account-activated",
        "signed-in",
        "sign-in-failed",
        "signed-in",
        "refresh-reused",
        "roles-changed",
    ];
    let accounts = infra::credentials::sqlite::open(&stage.folder.join("all").join("auth.sqlite")).await?;
    let audit = accounts.audit_of(&domain::UserId::parse("ann")?, 100).await?;
    let told: Vec<&str> = audit.iter().rev().map(|row| row.event.as_str()).collect();
    ensure!(told == expected, "{told:?}");
    ensure!(audit.first().is_some_and(|row| row.actor.as_deref() == Some("admin")), "{audit:?}");
    ensure!(audit.iter().filter(|row| row.address.as_deref() == Some("127.0.0.1")).count() >= 5, "{audit:?}");
    system.node.stop().await?;
    let log = system.node.log()?;
    for event in expected.iter().filter(|event| **event != "account-activated") {
        let line = |line: &&str| line.contains("sarangbang::security") && line.contains(&format!("\"event\":\"{event}\""));
        ensure!(log.lines().any(|one| line(&one)), "{event} is not in the log");
    }
    for secret in [PASSWORD, "wrong horse", first.as_str().context("no token")?, third.as_str().context("no token")?, &ann.token]
    {
        ensure!(!log.contains(secret), "a secret is in the log");
    }
    Ok(())
}

/// The only way to an administrator's role; shutting somebody out ends their sessions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_are_made_by_the_command_line() -> Result<()> {
    let stage = stage("accounts-admin").await?;
    let mut system = Embedded::start(&stage.folder).await?;
    let (at, node) = (system.addresses(), &system.node);
    let made = node.tool(&["admin", "create", "root", "--name", "Root"], &[]).await?;
    let password = made.lines().find_map(|line| line.strip_prefix("password: ")).context("no password")?.to_owned();
    let root = log_in(&at, "root", &password).await?;
    let scope = async |person: &Person| -> Result<Value> {
        Ok(person.user(Method::GET, "/user/me", None, key()).await?.success()?.body["scope"].clone())
    };
    ensure!(scope(&root).await? == json!(["admin"]), "root is an administrator");
    let ann = Person::sign_in(&at, "ann").await?;
    ensure!(scope(&ann).await? == json!([]), "ann is not");
    ensure!(listed(node, &["admin", "list", "--json"]).await? == ["root"], "administrators alone");
    ensure!(listed(node, &["admin", "list", "--all", "--json"]).await? == ["ann", "root"], "all of them");

    let live = Live::open(&ann).await?;
    node.tool(&["admin", "disable", "ann"], &[]).await?;
    live.closed().await?;
    let login = async |password: &str| log_in(&at, "ann", password).await;
    ensure!(login(PASSWORD).await.is_err(), "ann is shut out");
    node.tool(&["admin", "enable", "ann"], &[]).await?;
    // Who was shut out within this second is so for all tokens of it: times in tokens are whole seconds.
    until("ann is in again", SOON, async || Ok(scope(&login(PASSWORD).await?).await.ok())).await?;
    let chosen = stage.folder.join("password");
    std::fs::write(&chosen, "words that an administrator chose\n")?;
    let file = chosen.display().to_string();
    node.tool(&["admin", "reset-password", "ann", "--password-file", &file], &[]).await?;
    ensure!(login(PASSWORD).await.is_err(), "the old password is no more");
    node.tool(&["admin", "grant", "ann"], &[]).await?;
    ensure!(scope(&login("words that an administrator chose").await?).await? == json!(["admin"]), "ann is one too");
    node.tool(&["admin", "revoke", "ann"], &[]).await?;
    ensure!(scope(&login("words that an administrator chose").await?).await? == json!([]), "and is not any more");

    for (arguments, why) in [
        (vec!["admin", "disable", "nobody"], "No such account"),
        (vec!["admin", "create", "root"], "taken"),
        (vec!["admin", "create", "eve", "--password-file", "/dev/null"], "the first line is empty"),
    ] {
        let (status, _, complained) = node.tool_outcome(&arguments, &[]).await?;
        ensure!(!status.success() && complained.contains(why), "{arguments:?}: {complained}");
    }
    let elsewhere = [("auth.service_secret_file", stage.folder.join("no.secret").display().to_string())];
    let (status, _, complained) = node.tool_outcome(&["admin", "list"], &elsewhere).await?;
    ensure!(!status.success() && complained.contains("there is no service secret"), "{complained}");
    system.node.stop().await
}

async fn log_in(at: &Addresses, name: &str, password: &str) -> Result<Person> {
    let mut person = Person::nobody(at, name)?;
    let wish = json!({ "userId": name, "password": password });
    let answer = person.user(Method::POST, "/user/login", Some(&wish), key()).await?.success()?;
    answer.text("/token")?.clone_into(&mut person.token);
    Ok(person)
}

async fn listed(node: &Node, arguments: &[&str]) -> Result<Vec<String>> {
    let items: Vec<Value> = serde_json::from_str(&node.tool(arguments, &[]).await?)?;
    Ok(items.iter().filter_map(|item| item["userId"].as_str().map(str::to_owned)).collect())
}
