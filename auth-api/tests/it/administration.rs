//! What `sarangbang admin` does, and what nobody else may.

use std::sync::Arc;

use domain::Scope;
use infra::clock::SystemClock;
use infra::tokens::{AskedOfAuthApi, NoServiceToken, ServiceSecret, ServiceTokens, Verifier, VerifyError};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Node, PASSWORD, World, id, options, person, until};

const SERVICE: Scope = Scope { import: false, admin: false, service: true };

async fn admin(node: &Node, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
    let (status, _, body) = node.as_admin(SERVICE, method, path, body).await;
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_come_from_the_command_line_alone() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let (status, body) = admin(&node, Method::POST, "/internal/accounts", Some(&person("root"))).await;
    assert_eq!((status, &body["state"]), (201, &json!("registered")));
    let scope_of = |signed_in: &Value| node.keyring.verifier().verify(signed_in["token"].as_str().unwrap()).unwrap().scope;
    assert!(scope_of(&node.log_in("root").await).admin && !scope_of(&node.log_in("ann").await).admin);
    let (status, list) = admin(&node, Method::GET, "/internal/accounts?admin=true", None).await;
    assert_eq!((status, list["items"].as_array().unwrap().len(), &list["items"][0]["userId"]), (200, 1, &json!("root")));
    let ann = node.log_in("ann").await;
    assert_eq!(admin(&node, Method::PUT, "/internal/accounts/ann/roles", Some(&json!({"admin": true}))).await.0, 204);
    let over = node.post("/user/token", &json!({"refreshToken": ann["refreshToken"]}), &[]).await;
    assert_eq!(over.0, 401, "no token with the old rights is left");
    assert!(scope_of(&node.log_in("ann").await).admin);
    assert_eq!(admin(&node, Method::PUT, "/internal/accounts/nobody/roles", Some(&json!({"admin": true}))).await.0, 404);

    for scope in [Scope::default(), Scope { admin: true, import: true, service: false }] {
        for (method, path, body) in [
            (Method::GET, "/internal/accounts", None),
            (Method::POST, "/internal/accounts", Some(person("eve"))),
            (Method::POST, "/internal/accounts/ann/disable", None),
            (Method::POST, "/internal/accounts/ann/enable", None),
            (Method::PUT, "/internal/accounts/ann/password", Some(json!({"new": PASSWORD}))),
            (Method::PUT, "/internal/accounts/ann/roles", Some(json!({"admin": false}))),
            (Method::POST, "/internal/tokens", Some(json!({"userId": "x", "scope": ["import"]}))),
        ] {
            let (status, _, problem) = node.as_admin(scope, method.clone(), path, body.as_ref()).await;
            assert_eq!((status, &problem["code"]), (403, &json!("not-allowed")), "{method} {path} {scope:?}");
        }
    }
    assert_eq!(node.ask(Method::GET, "/internal/accounts", None, &[]).await.0, 404, "not on the public listener");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_is_out_everywhere_and_who_is_enabled_comes_in_again() {
    let world = World::new().await;
    let (node, other) = (world.node(options()).await, world.node(options()).await);
    node.register("ann").await;
    let signed_in = node.log_in("ann").await;
    assert_eq!(admin(&node, Method::POST, "/internal/accounts/ann/disable", None).await.0, 204);
    assert_eq!(admin(&node, Method::POST, "/internal/accounts/ann/disable", None).await.0, 404, "once is enough");
    for node in [&node, &other] {
        let token = signed_in["token"].as_str().unwrap();
        until("the token is refused", async || matches!(node.keyring.verifier().verify(token), Err(VerifyError::Revoked))).await;
    }
    let login = json!({"userId": "ann", "password": PASSWORD});
    let (status, _, problem) = node.post("/user/login", &login, &[]).await;
    assert_eq!((status, &problem["code"]), (401, &json!("sign-in-failed")), "as for a wrong password");
    let new = json!({"new": "words that an administrator chose"});
    assert_eq!(admin(&node, Method::PUT, "/internal/accounts/ann/password", Some(&new)).await.0, 204);
    assert_eq!(admin(&node, Method::POST, "/internal/accounts/ann/enable", None).await.0, 204);
    assert_eq!(node.post("/user/login", &login, &[]).await.0, 401);
    let login = json!({"userId": "ann", "password": "words that an administrator chose"});
    assert_eq!(node.post("/user/login", &login, &[]).await.0, 200);
    let audit = node.credentials.audit_of(&id("ann"), 10).await.unwrap();
    let by_admin: Vec<_> = audit.iter().filter(|row| row.actor.is_some()).map(|row| row.event.as_str()).collect();
    assert_eq!(by_admin, ["account-enabled", "password-reset", "account-disabled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_knows_the_secret_gets_a_token_of_its_own() {
    let world = World::new().await;
    let node = world.node(options()).await;
    let tokens = |secret: &str| {
        let secret = ServiceSecret::open(&world.file(secret)).unwrap();
        AskedOfAuthApi::new(id("orchestrator"), &node.internal_url, secret, Arc::new(SystemClock)).unwrap()
    };
    let token = tokens("service.secret").token().await.unwrap();
    let caller = node.keyring.verifier().verify(&token.0).unwrap();
    assert_eq!((caller.user, caller.scope, caller.session), (id("orchestrator"), SERVICE, None));
    assert!(matches!(tokens("another.secret").token().await, Err(NoServiceToken::Refused(401))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_verify_with_the_published_keys_and_go_on_without_the_service() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let signed_in = node.log_in("ann").await;
    let token = signed_in["token"].as_str().unwrap();
    let url = format!("{}/user/.well-known/jwks.json/", node.url);
    let verifier = Verifier::remote("test", &url, Arc::new(SystemClock)).unwrap();
    assert_eq!(verifier.verify_fetching(token).await.unwrap().user, id("ann"));
    let (_, _, keys) = node.ask(Method::GET, "/user/.well-known/jwks.json", None, &[]).await;
    assert!(keys["keys"].as_array().unwrap().iter().all(|key| key.get("d").is_none() && key["alg"] == "EdDSA"), "{keys}");
    let wish = json!({"userId": "import", "scope": ["import"], "seconds": 120});
    let (status, issued) = admin(&node, Method::POST, "/internal/tokens", Some(&wish)).await;
    assert_eq!(status, 200);
    drop(node);
    assert!(verifier.verify_fetching(token).await.is_ok());
    let caller = verifier.verify(issued["token"].as_str().unwrap()).unwrap();
    assert_eq!(caller.scope, Scope { import: true, ..Scope::default() });
    assert!(caller.expires_at.as_millis() - caller.issued_at.as_millis() <= 120_000);
}
