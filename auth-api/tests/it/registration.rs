//! Registration, from the request to the first sign-in.

use std::time::Duration;

use auth_api::Options;
use domain::text::UserName;
use domain::{CommandId, UserId};
use infra::credentials::AccountState;
use infra::log::Topic;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{PASSWORD, World, id, options, person, until};

const KEY: (&str, &str) = ("idempotency-key", "01890a5d-ac96-774b-bcce-b302099a8057");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_registers_and_signs_in_and_nothing_secret_is_said_anywhere() {
    let world = World::new().await;
    let node = world.node(options()).await;
    let (status, headers, body) = node.post("/user", &person("Ann"), &[KEY]).await;
    assert_eq!((status, body), (201, json!({"userId": "ann", "userName": "ann"})));
    assert_eq!(headers["idempotency-key"], KEY.1);
    let signed_in = node.log_in("ann").await;
    let (status, _, me) = node.as_holder(signed_in["token"].as_str().unwrap(), Method::GET, "/user/me", None).await;
    assert_eq!(
        (status, &me["userId"], &me["email"], &me["scope"]),
        (200, &json!("ann"), &json!("Ann@secret.example"), &json!([]))
    );

    // The same key again is the same registration, whatever became of it; with another wish it is refused.
    assert_eq!(node.post("/user/", &person("Ann"), &[KEY]).await.0, 201);
    let other = json!({"userId": "ann", "password": PASSWORD, "userName": "Anna"});
    let (status, _, problem) = node.post("/user", &other, &[KEY]).await;
    assert_eq!((status, &problem["code"]), (422, &json!("idempotency-key-reused")));
    let (status, _, problem) = node.post("/user", &person("ann"), &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user-exists")));

    for topic in Topic::ALL {
        let said = world.said_in(topic).await;
        assert!(!said.contains(PASSWORD) && !said.contains("secret.example") && !said.contains("argon2"), "{topic:?}: {said}");
    }
    assert!(world.said_in(Topic::Sagas).await.contains("registration-requested"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_too_long_is_told_where_to_ask() {
    let world = World::new().await;
    world.chat.held.send_replace(true);
    let node = world.node(Options { registration_wait_max: Duration::from_millis(50), ..options() }).await;
    let (status, headers, body) = node.post("/user", &person("ann"), &[KEY]).await;
    assert_eq!((status, &body["state"], &body["userId"]), (202, &json!("pending"), &json!("ann")));
    let location = headers["location"].to_str().unwrap().to_owned();
    assert_eq!(location, format!("/user/registrations/{}", body["id"].as_str().unwrap()));
    let (status, _, problem) = node.post("/user/login", &json!({"userId": "ann", "password": PASSWORD}), &[]).await;
    assert_eq!((status, &problem["code"]), (401, &json!("sign-in-failed")), "not registered yet");

    let stream = node.http.get(format!("{}{location}/events", node.url)).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    world.chat.held.send_replace(false);
    // The stream ends by itself with the registration.
    let told = stream.text().await.unwrap();
    let states: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let states: Vec<Value> = states.into_iter().map(|data| serde_json::from_str(data).unwrap()).collect();
    assert_eq!(states.iter().map(|told| told["state"].as_str().unwrap()).collect::<Vec<_>>(), ["pending", "registered"]);
    assert_eq!(node.ask(Method::GET, &location, None, &[]).await.2["state"], "registered");
    assert_eq!(node.post("/user", &person("ann"), &[KEY]).await.0, 201);
    let unknown = "/user/registrations/00000000-0000-0000-0000-000000000001";
    assert_eq!(node.ask(Method::GET, unknown, None, &[]).await.0, 404);
    assert_eq!(node.ask(Method::GET, &format!("{unknown}/events"), None, &[]).await.0, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_registration_leaves_nothing_behind() {
    let world = World::new().await;
    // Somebody who was imported has the id in the chat, and no account.
    let name = UserName::parse("bob").unwrap();
    assert!(world.chat.register(&id("bob"), name, CommandId::derived("import", "bob")).await);
    let node = world.node(options()).await;
    let (status, _, problem) = node.post("/user", &person("bob"), &[KEY]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("user-exists")));
    assert_eq!(node.credentials.account(&id("bob")).await.unwrap(), None);
    let saga = domain::saga::SagaId::of_registration(&id("bob"), KEY.1.parse().unwrap());
    let (status, _, body) = node.ask(Method::GET, &format!("/user/registrations/{saga}/"), None, &[]).await;
    assert_eq!((status, &body["state"], &body["reason"]), (200, &json!("refused"), &json!("user-exists")));
    let (status, _, _) = node.post("/user", &person("bob"), &[KEY]).await;
    assert_eq!(status, 409, "the same registration stays refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_want_one_id_at_once_on_two_nodes_one_gets_it() {
    let world = World::new().await;
    let nodes = [world.node(options()).await, world.node(options()).await];
    let wishes = (0..8).map(|n: usize| {
        let node = &nodes[n % 2];
        async move { node.post("/user", &person("ann"), &[]).await.0 }
    });
    let mut outcomes = futures_util::future::join_all(wishes).await;
    outcomes.sort_unstable();
    assert_eq!(outcomes, [201, 409, 409, 409, 409, 409, 409, 409]);
    nodes[1].log_in("ann").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_wishes_are_problems_and_reserve_nothing() {
    let world = World::new().await;
    let node = world.node(options()).await;
    for (body, pointer) in [
        (json!({"userId": "ann", "password": "short"}), "/password"),
        (json!({"userId": "ann", "password": "password123"}), "/password"),
        (json!({"userId": "annabella", "password": "annabella1"}), "/password"),
        (json!({"userId": "a b", "password": PASSWORD}), "/userId"),
        (json!({"userId": "ann", "password": PASSWORD, "email": "nobody"}), "/email"),
        (json!({"userId": "ann", "password": PASSWORD, "roles": ["admin"]}), "/roles"),
        (json!({"userId": "ann", "password": PASSWORD, "admin": true}), "/admin"),
        (json!({"userId": "ann"}), ""),
    ] {
        let (status, _, problem) = node.post("/user", &body, &[]).await;
        assert_eq!(
            (status, &problem["code"], &problem["errors"][0]["pointer"]),
            (422, &json!("value-invalid"), &json!(pointer)),
            "{body}"
        );
        assert!(!problem.to_string().contains("password123"), "{problem}");
    }
    assert_eq!(node.post("/user", &person("ann"), &[("idempotency-key", "x")]).await.0, 400);
    let accounts = node.credentials.accounts(None::<&UserId>, None, 10).await.unwrap();
    assert!(accounts.is_empty(), "{accounts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_gone_at_once_and_for_good() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let (one, other) = (node.log_in("ann").await, node.log_in("ann").await);
    let token = one["token"].as_str().unwrap();
    let leave =
        async |password: &str| node.as_holder(token, Method::DELETE, "/user/me", Some(&json!({"password": password}))).await;
    let (status, _, problem) = leave("another password altogether").await;
    assert_eq!((status, &problem["code"]), (403, &json!("password-wrong")));
    assert_eq!(leave(PASSWORD).await.0, 202);
    let refresh = json!({"refreshToken": other["refreshToken"]});
    assert_eq!(node.post("/user/token", &refresh, &[]).await.0, 401);
    assert_eq!(node.post("/user/login", &json!({"userId": "ann", "password": PASSWORD}), &[]).await.0, 401);
    assert_eq!(node.post("/user", &person("ann"), &[]).await.0, 409, "the id stays taken");
    let account = node.credentials.account(&id("ann")).await.unwrap().unwrap();
    assert_eq!((account.state, account.password, account.email), (AccountState::Deactivated, None, None));
    until("the orchestrator has heard", async || world.said_in(Topic::Sagas).await.contains("person-deactivated")).await;
    let other = other["token"].as_str().unwrap();
    until("the token is refused", async || node.as_holder(other, Method::GET, "/user/me", None).await.0 == 401).await;
    assert_eq!(node.as_holder(other, Method::GET, "/user/me", None).await.2["code"], "token-revoked");
}
