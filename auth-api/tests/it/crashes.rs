//! kill -9 between every two steps of a registration on this side. A step that was taken is in the database or in the log; all else
//! of the process is gone, and a new one is started on the same stores. However far it came, it ends in exactly one of two ways:
//! registered and able to sign in, or nothing left behind.

use std::sync::atomic::Ordering;
use std::time::Duration;

use auth_api::Options;
use domain::CommandId;
use domain::saga::{Message, SagaId};
use domain::text::UserName;
use infra::credentials::{AccountState, Credentials, Progress};
use infra::log::{Topic, TopicPartition};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::world::{Node, PASSWORD, World, id, options, person, until};

/// After which step the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum DiesAfter {
    /// The request was read, and nothing written.
    Nothing,
    /// The id is reserved and the message is in the outbox.
    Reserved,
    /// A relay has taken the message from the outbox, and not sent it.
    Leased,
    /// The message is in the log, and still in the outbox.
    Sent,
    /// The message is gone from the outbox; the chat has decided, and nothing of that was learnt.
    Confirmed,
    /// What the chat decided is learnt; the answer was not given.
    Learnt,
}

const ALL: [DiesAfter; 6] =
    [DiesAfter::Nothing, DiesAfter::Reserved, DiesAfter::Leased, DiesAfter::Sent, DiesAfter::Confirmed, DiesAfter::Learnt];

/// Takes the steps up to `last`, each as the running service would, and then is no more.
async fn live_until(world: &World, last: DiesAfter, name: &str, key: Uuid) {
    if last == DiesAfter::Nothing {
        return;
    }
    let node = world.node_without_tasks(Options { registration_wait_max: Duration::ZERO, ..options() }).await;
    let key = key.to_string();
    assert_eq!(node.post("/user", &person(name), &[("idempotency-key", &key)]).await.0, 202);
    let mut relay = node.identity.relay();
    if last == DiesAfter::Reserved {
        return;
    }
    let leased = relay.lease().await.unwrap();
    assert_eq!(leased.len(), 1);
    if last == DiesAfter::Leased {
        // Its lease is given back, as if its time were over: the next process need not wait for that here.
        return node.credentials.give_back(&[leased[0].id]).await.unwrap();
    }
    let (sent, failed) = relay.deliver(&leased).await;
    assert!(sent == [leased[0].id] && failed.is_none());
    if last == DiesAfter::Sent {
        return node.credentials.give_back(&sent).await.unwrap();
    }
    node.credentials.sent(&sent).await.unwrap();
    decided(world, name).await;
    if last == DiesAfter::Learnt {
        let stop = tokio_util::sync::CancellationToken::new();
        let following = tokio::spawn(node.identity.follower().run(stop.clone()));
        let saga = SagaId::of_registration(&id(name), key.parse().unwrap());
        until("it is learnt", async || progress(&*node.credentials, saga).await != Some(Progress::Pending)).await;
        stop.cancel();
        following.await.unwrap();
    }
}

async fn progress(credentials: &dyn Credentials, saga: SagaId) -> Option<Progress> {
    credentials.registration(saga).await.unwrap().map(|found| found.progress)
}

/// Waits until the chat has said how the registration of `name` ended.
async fn decided(world: &World, name: &str) {
    let of = TopicPartition { topic: Topic::Sagas, partition: 0 };
    let mut tail = world.log.tail(of, 0).await.unwrap();
    let decided = async {
        loop {
            for stored in tail.next(100, Duration::from_secs(1)).await.unwrap() {
                match domain::saga::Envelope::of_record(&stored.record).unwrap().message {
                    Message::PersonRegistered(body) if body.user_id == id(name) => return,
                    Message::RegistrationRefused(body) if body.user_id == id(name) => return,
                    _ => {}
                }
            }
        }
    };
    tokio::time::timeout(crate::world::PATIENCE, decided).await.unwrap();
}

/// The client, which never heard of the crash, sends the same request again.
async fn again(node: &Node, name: &str, key: Uuid) -> (u16, serde_json::Value) {
    let (status, _, body) = node.post("/user", &person(name), &[("idempotency-key", &key.to_string())]).await;
    (status, body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_a_registration_ends_whole() {
    let world = World::new().await;
    for (number, last) in ALL.into_iter().enumerate() {
        let (name, key) = (format!("ann{number}"), Uuid::from_u128(number as u128 + 1));
        live_until(&world, last, &name, key).await;
        let node = world.node(options()).await;
        let saga = SagaId::of_registration(&id(&name), key);
        if last > DiesAfter::Nothing {
            // It ends without the client too.
            until("it is registered", async || progress(&*node.credentials, saga).await == Some(Progress::Registered)).await;
        }
        assert_eq!(again(&node, &name, key).await.0, 201, "killed after {last:?}");
        let signed_in = node.log_in(&name).await;
        let token = signed_in["token"].as_str().unwrap();
        assert_eq!(node.as_holder(token, Method::GET, "/user/me", None).await.0, 200);
        let events = world.said_in(Topic::Users).await.matches("user.registered").count();
        assert_eq!(events, number + 1, "killed after {last:?}: each is registered once");
        assert_eq!(node.credentials.waiting().await.unwrap(), 0, "nothing is left to be said");
    }
    assert_eq!(
        world.chat.copies.load(Ordering::SeqCst),
        1,
        "killed after it was sent, a message is sent twice, and does no harm"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_anywhere_a_refused_registration_leaves_nothing() {
    let world = World::new().await;
    for (number, last) in ALL.into_iter().enumerate() {
        let (name, key) = (format!("bob{number}"), Uuid::from_u128(number as u128 + 1));
        let imported = CommandId::derived("import", &name);
        assert!(world.chat.register(&id(&name), UserName::parse(&name).unwrap(), imported).await);
        live_until(&world, last, &name, key).await;
        let node = world.node(options()).await;
        let saga = SagaId::of_registration(&id(&name), key);
        if last > DiesAfter::Nothing {
            until("it is refused", async || progress(&*node.credentials, saga).await == Some(Progress::Refused)).await;
        }
        let (status, problem) = again(&node, &name, key).await;
        assert_eq!((status, &problem["code"]), (409, &json!("user-exists")), "killed after {last:?}");
        assert_eq!(node.credentials.account(&id(&name)).await.unwrap(), None, "killed after {last:?}");
        let login = json!({"userId": name, "password": PASSWORD});
        assert_eq!(node.post("/user/login", &login, &[]).await.0, 401);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_sends_twice_and_two_nodes_that_learn_the_same_change_nothing() {
    let world = World::new().await;
    let node = world.node_without_tasks(Options { registration_wait_max: Duration::ZERO, ..options() }).await;
    assert_eq!(node.post("/user", &person("ann"), &[]).await.0, 202);
    let mut relay = node.identity.relay();
    let leased = relay.lease().await.unwrap();
    for _ in 0..3 {
        assert_eq!(relay.deliver(&leased).await.0.len(), 1);
    }
    let nodes = [world.node(options()).await, world.node(options()).await];
    until("it is active", async || {
        node.credentials.account(&id("ann")).await.unwrap().is_some_and(|account| account.state == AccountState::Active)
    })
    .await;
    until("all copies are heard", async || world.chat.copies.load(Ordering::SeqCst) >= 2).await;
    for node in &nodes {
        node.log_in("ann").await;
    }
    let activated = node.credentials.audit_of(&id("ann"), 100).await.unwrap();
    assert_eq!(activated.iter().filter(|row| row.event == "account-activated").count(), 1);
    assert_eq!(world.said_in(Topic::Users).await.matches("user.registered").count(), 1);
}
