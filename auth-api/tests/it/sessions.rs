//! Sessions: renewed, listed, ended, and known as ended everywhere.

use infra::tokens::VerifyError;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Node, PASSWORD, World, id, options, until};

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap()
}

async fn renew(node: &Node, token: &Value) -> (u16, Value) {
    let (status, _, body) = node.post("/user/token", &json!({"refreshToken": token}), &[]).await;
    (status, body)
}

/// Waits until `node` refuses the access token of `signed_in`.
async fn refused(node: &Node, signed_in: &Value) {
    until("the token is refused", async || {
        matches!(node.keyring.verifier().verify(text(signed_in, "token")), Err(VerifyError::Revoked))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_renewed_and_a_stolen_token_ends_it_everywhere() {
    let world = World::new().await;
    let (node, other) = (world.node(options()).await, world.node(options()).await);
    node.register("ann").await;
    let first = node.log_in("ann").await;
    let (status, second) = renew(&node, &first["refreshToken"]).await;
    assert_eq!((status, &second["sessionId"], &second["userId"]), (200, &first["sessionId"], &json!("ann")));
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_eq!(second["sessionExpiresAt"], first["sessionExpiresAt"], "renewing makes it no longer");
    let caller = other.keyring.verifier().verify(text(&second, "token")).unwrap();
    assert_eq!(caller.session.unwrap().to_string(), text(&second, "sessionId"));

    let (status, third) = renew(&other, &second["refreshToken"]).await;
    assert_eq!(status, 200);
    let (status, problem) = renew(&other, &first["refreshToken"]).await;
    assert_eq!((status, &problem["code"]), (401, &json!("session-over")));
    for node in [&node, &other] {
        assert_eq!(renew(node, &third["refreshToken"]).await.0, 401, "its successors are over too");
        refused(node, &first).await;
        refused(node, &second).await;
    }
    let audit = node.credentials.audit_of(&id("ann"), 1).await.unwrap();
    assert_eq!(audit[0].event, "refresh-reused");
    assert_eq!(renew(&node, &json!("made up")).await.0, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_that_renew_at_once_stay_signed_in_and_an_older_token_ends_them_both() {
    let world = World::new().await;
    let nodes = [world.node(options()).await, world.node(options()).await];
    nodes[0].register("ann").await;
    let first = nodes[0].log_in("ann").await;
    let (one, other) = tokio::join!(renew(&nodes[0], &first["refreshToken"]), renew(&nodes[1], &first["refreshToken"]));
    assert_eq!((one.0, other.0), (200, 200));
    // They share their cookies: both go on with whichever came last.
    let (status, next) = renew(&nodes[0], &other.1["refreshToken"]).await;
    assert_eq!(status, 200);
    assert_eq!(renew(&nodes[1], &first["refreshToken"]).await.0, 401, "by now it is old");
    assert_eq!(renew(&nodes[0], &next["refreshToken"]).await.0, 401);
    refused(&nodes[1], &next).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_listed_and_ended_one_or_all() {
    let world = World::new().await;
    let node = world.node(options()).await;
    for name in ["ann", "bob"] {
        node.register(name).await;
    }
    let (one, two, bob) = (node.log_in("ann").await, node.log_in("ann").await, node.log_in("bob").await);
    let as_two = async |method, path: &str| node.as_holder(text(&two, "token"), method, path, None).await;
    let (status, _, list) = as_two(Method::GET, "/user/sessions/").await;
    let listed: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|item| (&item["sessionId"], item["current"].as_bool().unwrap())).collect();
    assert_eq!((status, listed), (200, vec![(&two["sessionId"], true), (&one["sessionId"], false)]));

    let (status, _, problem) = as_two(Method::DELETE, &format!("/user/sessions/{}", text(&bob, "sessionId"))).await;
    assert_eq!((status, &problem["code"]), (404, &json!("session-not-found")), "another's session is none");
    assert_eq!(as_two(Method::DELETE, &format!("/user/sessions/{}/", text(&one, "sessionId"))).await.0, 204);
    refused(&node, &one).await;
    assert_eq!(renew(&node, &one["refreshToken"]).await.0, 401);
    assert!(node.keyring.verifier().verify(text(&two, "token")).is_ok());
    assert_eq!(as_two(Method::DELETE, "/user/sessions").await.0, 204);
    refused(&node, &two).await;
    assert!(node.keyring.verifier().verify(text(&bob, "token")).is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_password_ends_all_other_sessions() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let (thief, own) = (node.log_in("ann").await, node.log_in("ann").await);
    let change = async |current: &str, new: &str| {
        let body = json!({"current": current, "new": new});
        let (status, _, problem) = node.as_holder(text(&own, "token"), Method::PUT, "/user/password", Some(&body)).await;
        (status, problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let new = "a quite different set of words";
    assert_eq!(change("wrong", new).await, (403, "password-wrong".to_owned()));
    assert_eq!(change(PASSWORD, "short").await, (422, "value-invalid".to_owned()));
    assert_eq!(change(PASSWORD, new).await.0, 204);
    refused(&node, &thief).await;
    assert_eq!(renew(&node, &thief["refreshToken"]).await.0, 401);
    assert!(node.keyring.verifier().verify(text(&own, "token")).is_ok());
    assert_eq!(renew(&node, &own["refreshToken"]).await.0, 200);
    assert_eq!(node.post("/user/login", &json!({"userId": "ann", "password": PASSWORD}), &[]).await.0, 401);
    assert_eq!(node.post("/user/login", &json!({"userId": "ann", "password": new}), &[]).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_page_has_its_tokens_in_cookies_that_no_script_reads_and_no_foreign_page_uses() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let login = json!({"userId": "ann", "password": PASSWORD});
    let (origin, foreign, csrf) = (("origin", node.url.as_str()), ("origin", "http://evil.example"), ("x-sarangbang-csrf", "1"));
    assert_eq!(node.post("/user/login", &login, &[foreign, csrf]).await.0, 403);
    let (status, headers, body) = node.post("/user/login", &login, &[origin, csrf]).await;
    assert_eq!((status, body.get("token"), body.get("refreshToken")), (200, None, None));
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap().to_owned()).collect();
    for (cookie, parts) in cookies.iter().zip([
        ["sarangbang_token=ey", "; Path=/;", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age=600"],
        ["sarangbang_refresh=", "; Path=/user;", "; HttpOnly", "; SameSite=Strict", "; Secure", "; Max-Age=25"],
    ]) {
        assert!(parts.iter().all(|part| cookie.contains(part)), "{cookie}");
    }
    let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    let jar = pairs.join("; ");
    let jar = ("cookie", jar.as_str());
    assert_eq!(node.ask(Method::GET, "/user/me", None, &[jar]).await.0, 200);
    let renewed = async |headers: &[(&str, &str)]| node.ask(Method::POST, "/user/token/", None, headers).await;
    assert_eq!(renewed(&[jar, foreign, csrf]).await.0, 403);
    assert_eq!(renewed(&[jar, origin]).await.0, 403);
    assert_eq!(renewed(&[origin, csrf]).await.0, 401);
    let (status, headers, body) = renewed(&[jar, origin, csrf]).await;
    assert_eq!((status, body.get("token"), headers.get_all("set-cookie").iter().count()), (200, None, 2));

    assert_eq!(node.ask(Method::POST, "/user/logout", None, &[jar, foreign, csrf]).await.0, 403);
    // Only the refresh cookie is left: the access token has run out.
    let refresh = headers.get_all("set-cookie").iter().find(|cookie| cookie.to_str().unwrap().contains("refresh")).unwrap();
    let refresh = ("cookie", refresh.to_str().unwrap().split(';').next().unwrap());
    let (status, headers, _) = node.ask(Method::POST, "/user/logout/", None, &[refresh, origin, csrf]).await;
    assert!(status == 204 && headers.get_all("set-cookie").iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0")));
    assert_eq!(renewed(&[refresh, origin, csrf]).await.0, 401, "the session is over");
    until("the access token is refused", async || node.ask(Method::GET, "/user/me", None, &[jar]).await.0 == 401).await;
}
