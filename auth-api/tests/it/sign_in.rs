//! Signing in: who may, who may not, and what a guesser learns.

use std::time::Duration;

use argon2::password_hash::PasswordHasher as _;
use auth_api::Options;
use auth_api::passwords::Pool;
use infra::clock::{Clock as _, SystemClock};
use infra::credentials::{AuditEvent, Entry, Policy};
use serde_json::{Value, json};

use crate::world::{Node, PASSWORD, World, id, options, until};

fn with(name: &str, password: &str) -> Value {
    json!({"userId": name, "password": password})
}

/// The problem without what is its own each time.
async fn refusal(node: &Node, name: &str, password: &str) -> (u16, Value) {
    let (status, _, mut problem) = node.post("/user/login", &with(name, password), &[]).await;
    problem.as_object_mut().unwrap().remove("traceId");
    (status, problem)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_user_and_a_wrong_password_are_told_the_same() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    let wrong = refusal(&node, "ann", "another password altogether").await;
    assert_eq!((wrong.0, &wrong.1["code"]), (401, &json!("sign-in-failed")));
    assert_eq!(refusal(&node, "nobody", PASSWORD).await, wrong);
    assert_eq!(refusal(&node, "ann", "").await, wrong);
    let audit = node.credentials.audit_of(&id("ann"), 1).await.unwrap();
    assert_eq!((audit[0].event.as_str(), audit[0].address.as_deref()), ("sign-in-failed", Some("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_user_costs_as_much_hashing_as_a_known_one() {
    let world = World::new().await;
    let node = world.node(Options { pool: Pool { workers: 1, waiting_max: 0 }, ..options() }).await;
    let login = with("nobody", PASSWORD);
    let all = futures_util::future::join_all((0..30).map(|_| node.post("/user/login", &login, &[]))).await;
    let busy: Vec<_> = all.iter().filter(|(status, ..)| *status == 503).collect();
    assert!(!busy.is_empty() && all.iter().all(|(status, ..)| [401, 503].contains(status)), "the one worker was at work");
    assert!(busy.iter().all(|(_, headers, problem)| headers.contains_key("retry-after") && problem["code"] == "busy"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_make_wait_by_account_and_by_address() {
    let world = World::new().await;
    let policy = Policy { free: 2, wait_ms_min: 600_000, wait_ms_max: 600_000, forget_after_ms: 3_600_000 };
    let node = world.node(Options { account_policy: policy, ..options() }).await;
    for name in ["ann", "bob"] {
        node.register(name).await;
    }
    // Known or not, one waits as long.
    for name in ["ann", "nobody"] {
        for _ in 0..3 {
            assert_eq!(refusal(&node, name, "wrong").await.0, 401);
        }
        let (status, headers, problem) = node.post("/user/login", &with(name, PASSWORD), &[]).await;
        assert_eq!((status, &problem["code"]), (429, &json!("sign-in-delayed")), "{name}");
        let seconds: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=600).contains(&seconds), "{seconds}");
    }
    node.log_in("bob").await;
    for _ in 0..10 {
        // A good sign-in forgets the failures of its account.
        assert_eq!(refusal(&node, "bob", "wrong").await.0, 401);
        node.log_in("bob").await;
    }

    let other = World::new().await;
    let node = other.node(Options { address_policy: Policy { free: 5, ..policy }, ..options() }).await;
    node.register("ann").await;
    for n in 0..6 {
        assert_eq!(refusal(&node, &format!("user{n}"), "wrong").await.0, 401);
    }
    assert_eq!(refusal(&node, "ann", PASSWORD).await.0, 429, "one address tries many accounts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_hash_is_renewed_by_the_next_good_sign_in() {
    let world = World::new().await;
    let node = world.node(options()).await;
    node.register("ann").await;
    // As it was stored when less was thought to be enough.
    let params = argon2::Params::new(8_192, 1, 1, None).unwrap();
    let weak = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let weak = weak.hash_password_with_salt(PASSWORD.as_bytes(), b"salt of sixteen.").unwrap().to_string();
    let entry = Entry::new(AuditEvent::PasswordReset, Some(id("ann")), SystemClock.now());
    assert!(node.credentials.set_password(&id("ann"), None, &weak, None, &entry).await.unwrap());
    let stored = async || node.credentials.account(&id("ann")).await.unwrap().unwrap().password.unwrap();
    assert_eq!(refusal(&node, "ann", "another password altogether").await.0, 401);
    assert_eq!(stored().await, weak, "a wrong password renews nothing");
    node.log_in("ann").await;
    until("the hash is renewed", async || stored().await.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")).await;
    node.log_in("ann").await;
    let audit = node.credentials.audit_of(&id("ann"), 10).await.unwrap();
    assert_eq!(audit.iter().filter(|row| row.event == "password-rehashed").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_registrations_from_one_address_wait() {
    let world = World::new().await;
    let policy = Policy { free: 2, wait_ms_min: 600_000, wait_ms_max: 600_000, forget_after_ms: 3_600_000 };
    let node = world.node(Options { registration_policy: policy, registration_wait_max: Duration::ZERO, ..options() }).await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        statuses.push(node.post("/user", &crate::world::person(&format!("user{n}")), &[]).await.0);
    }
    assert_eq!(statuses, [202, 202, 202, 429]);
}
