//! Typing and read positions.

use domain::RoomId;
use domain::room::Kind;
use domain::wire::Record;
use infra::log::{Topic, partition_for};
use serde_json::{Value, json};

use crate::fixture::{World, created};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_reaches_the_others_and_reading_everybody() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob", "cid"])).await;
    let (mut bob, mut cid) = (world.connect("bob").await, world.connect("cid").await);
    for client in [&mut bob, &mut cid] {
        client.subscribe(room, None).await;
        assert_eq!(client.frame().await["type"], "subscribed");
    }
    // The second one comes too soon after the first and is not passed on.
    for _ in 0..2 {
        bob.say(json!({"type": "typing", "room": room})).await;
    }
    let frame = cid.frame().await;
    assert_eq!((&frame["type"], &frame["userId"]), (&json!("typing"), &json!("bob")));

    let key = format!("{room}/bob");
    let value = json!({"roomId": room, "userId": "bob", "number": 3, "at": "2026-11-22T14:03:09.000Z"});
    let record = Record { key: key.clone().into_bytes(), headers: Vec::new(), value: value.to_string().into_bytes() };
    let to = partition_for(&*world.log, Topic::Reads, &key);
    world.log.producer().unwrap().append(to, record).unwrap().await.unwrap();
    for client in [&mut bob, &mut cid] {
        assert_eq!(client.frame().await, json!({"type": "read", "room": room, "userId": "bob", "number": 3}));
        assert_eq!(client.settled().await, Vec::<Value>::new());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_needs_a_subscription() {
    let world = World::new().await;
    let mut bob = world.connect("bob").await;
    bob.say(json!({"type": "typing", "room": RoomId::of_import("test", "room")})).await;
    assert_eq!(bob.frame().await["code"], "not-subscribed");
}
