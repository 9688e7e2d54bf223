//! The internal listeners, which a gateway never routes to. If one is reached all the same, nobody's own token opens anything there.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use super::people::{BAD_TOKENS, DEACTIVATED, ROLES};
use super::table::Expected;
use super::world::World;

/// Method, path, and a body that is good.
type Route = (&'static str, &'static str, Option<Value>);

/// Every internal route of command-api.
fn of_commands() -> Vec<Route> {
    let step = json!({
        "actor": "mia",
        "stream": {"room": "6f1c2e6e-0d0f-5b1c-8f3a-0123456789ab"},
        "body": {"room": "close"},
        "correlationId": "00000000-0000-0000-0000-000000000007",
    });
    vec![
        ("POST", "/internal/users", Some(json!({"userId": "new", "userName": "New"}))),
        ("GET", "/internal/users/{userId}", None),
        ("POST", "/internal/commands", Some(step)),
    ]
}

/// Every internal route of auth-api.
fn of_accounts() -> Vec<Route> {
    let person = json!({"userId": "new", "password": "correct horse battery staple"});
    vec![
        ("POST", "/internal/tokens", Some(json!({"userId": "mia", "scope": ["import"]}))),
        ("GET", "/internal/accounts", None),
        ("POST", "/internal/accounts", Some(person)),
        ("POST", "/internal/accounts/{userId}/disable", None),
        ("POST", "/internal/accounts/{userId}/enable", None),
        ("PUT", "/internal/accounts/{userId}/password", Some(json!({"new": "correct horse battery staple"}))),
        ("PUT", "/internal/accounts/{userId}/roles", Some(json!({"admin": true}))),
    ]
}

/// Takes no token at all, but the secret of the services.
const BY_SECRET: (&str, &str) = ("POST", "/internal/service-tokens");

fn documented(document: &OpenApi) -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(document).unwrap();
    super::operations(&document)
}

#[test]
fn every_internal_route_is_tried() {
    let tried = |routes: Vec<Route>| routes.into_iter().map(|(method, path, _)| (method.to_owned(), path.to_owned()));
    assert_eq!(tried(of_commands()).collect::<BTreeSet<_>>(), documented(&command_api::internal_openapi()));
    let by_secret = (BY_SECRET.0.to_owned(), BY_SECRET.1.to_owned());
    let accounts: BTreeSet<_> = tried(of_accounts()).chain([by_secret]).collect();
    assert_eq!(accounts, documented(&auth_api::internal_openapi()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_of_a_person_opens_an_internal_route() {
    let world = World::new().await;
    world.deactivate(DEACTIVATED).await;
    let mut wrong = Vec::new();
    let at =
        |listener: &str, routes: Vec<Route>| routes.into_iter().map(|route| (listener.to_owned(), route)).collect::<Vec<_>>();
    let commands = at(&world.services.internal_commands, of_commands());
    for (listener, (method, path, body)) in [commands, at(&world.services.internal_accounts, of_accounts())].concat() {
        let (url, body) = (format!("{listener}{}", path.replace("{userId}", "mia")), body.map(|body| body.to_string()));
        let people = ROLES.map(|role| (format!("{role:?}"), "not-allowed", Some(world.token(role.user()))));
        let nobody = BAD_TOKENS.iter().map(|(name, code, make)| ((*name).to_owned(), *code, make(&world.forge)));
        for (name, code, token) in people.into_iter().chain(nobody) {
            let status = if code == "not-allowed" { 403 } else { 401 };
            let answer = world.ask_at(&url, method, body.as_deref(), token.as_deref()).await;
            if let Err(why) = Expected::Problem(status, code).check(&answer) {
                wrong.push(format!("{method} {path} with {name}: {why}"));
            }
        }
    }
    let (method, url) = (BY_SECRET.0, format!("{}{}", world.services.internal_accounts, BY_SECRET.1));
    let body = json!({"service": "orchestrator"}).to_string();
    let administrator = (String::new(), Some(world.token("adam")));
    let guesses = BAD_TOKENS.iter().map(|(name, _, make)| ((*name).to_owned(), make(&world.forge)));
    for (name, guess) in guesses.chain([administrator]) {
        let code = if guess.is_some() { "token-invalid" } else { "token-missing" };
        let answer = world.ask_at(&url, method, Some(&body), guess.as_deref()).await;
        if let Err(why) = Expected::Problem(401, code).check(&answer) {
            wrong.push(format!("{method} {url} with {name}: {why}"));
        }
    }
    assert!(wrong.is_empty(), "{} cells:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(world.ask("GET", "/chat/people/new", None, Some(&world.token("mia"))).await.status, 404, "and nobody was made");
    let mia = world.log_in("mia").await;
    let me = world.ask("GET", "/user/me", None, Some(&mia.token)).await;
    assert_eq!(me.json()["scope"], json!([]), "nor anything given");
    world.stop().await;
}
