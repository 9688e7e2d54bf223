//! What is read live only by those who may read.

use domain::RoomId;
use domain::room::{Event, Kind, MemberGone, Reaction, Role};
use domain::text::Emoji;
use serde_json::{Value, json};

use super::chain::{facts, sent};
use crate::fixture::{World, created, id, joined};

fn removed(user: &str) -> Event {
    Event::MemberRemoved(MemberGone { user_id: id(user) })
}

async fn subscribed(world: &World, user: &str, room: RoomId) -> crate::fixture::Client {
    let mut client = world.connect(user).await;
    client.subscribe(room, None).await;
    assert_eq!(client.frame().await["type"], "subscribed");
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_hears_that_and_nothing_later() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "private");
    world.writer.write(room, created(Kind::Private, "private", &["bob", "cid"])).await;
    let (mut bob, mut cid) = (subscribed(&world, "bob", room).await, subscribed(&world, "cid", room).await);

    // Behind a reaction, so that removal and secret wait in the same queue; the order must hold there too.
    world.projector.pause();
    world.writer.write(room, sent(1, "before")).await;
    let reaction = Reaction { message: facts(1, "before"), user_id: id("cid"), emoji: Emoji::parse("👍").unwrap() };
    world.writer.write(room, Event::ReactionAdded(reaction)).await;
    world.writer.write(room, removed("bob")).await;
    world.writer.write(room, sent(2, "secret")).await;
    world.projector.resume();

    let frames: Vec<Value> = [bob.frame().await, bob.frame().await, bob.frame().await, bob.frame().await].into();
    let told: Vec<_> = frames.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(told, ["message", "message", "member", "error"]);
    assert_eq!(frames[2]["members"], json!([{"userId": "bob", "role": null}]));
    assert_eq!((&frames[3]["code"], &frames[3]["room"]), (&json!("removed"), &json!(room)));

    // Cid stays and has all of it, so that what bob did not get has certainly passed.
    while cid.frame().await["message"]["text"] != "secret" {}
    assert_eq!(bob.settled().await, Vec::<Value>::new());
    for after in [None, Some(1)] {
        bob.subscribe(room, after).await;
        let frame = bob.frame().await;
        assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!("room-not-found")));
    }

    world.writer.write(room, Event::MemberJoined(joined("bob", Role::Member))).await;
    bob.subscribe(room, Some(1)).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    assert_eq!(bob.frame().await["message"]["number"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_public_room_is_followed_by_anyone_and_after_leaving() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "public");
    world.writer.write(room, created(Kind::Public, "public", &["bob"])).await;
    let (mut bob, mut eve) = (subscribed(&world, "bob", room).await, subscribed(&world, "eve", room).await);
    world.writer.write(room, Event::MemberLeft(MemberGone { user_id: id("bob") })).await;
    world.writer.write(room, sent(1, "still here")).await;
    for client in [&mut bob, &mut eve] {
        assert_eq!(client.frame().await["type"], "member");
        assert_eq!(client.frame().await["message"]["text"], "still here");
        client.say(json!({"type": "typing", "room": room})).await;
        assert_eq!(client.frame().await["code"], "not-a-member");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_learn_nothing_of_a_private_room() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "private");
    world.writer.write(room, created(Kind::Private, "private", &[])).await;
    let mut eve = world.connect("eve").await;
    let mut answers = Vec::new();
    for room in [room, RoomId::of_import("test", "nowhere")] {
        for after in [None, Some(0), Some(1), Some(7)] {
            eve.subscribe(room, after).await;
            let mut frame = eve.frame().await;
            assert_eq!(frame["room"], json!(room));
            frame["room"] = Value::Null;
            answers.push(frame);
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one cannot tell a room that one may not see from one that is not there: {answers:?}");
    world.writer.write(room, sent(1, "secret")).await;
    assert_eq!(eve.settled().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_reader_sees_which_reactions_are_their_own() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "reactions");
    world.writer.write(room, created(Kind::Private, "reactions", &["bob", "cid"])).await;
    world.writer.write(room, sent(1, "hello")).await;
    let (mut bob, mut cid) = (subscribed(&world, "bob", room).await, subscribed(&world, "cid", room).await);
    let reaction = Reaction { message: facts(1, "hello"), user_id: id("bob"), emoji: Emoji::parse("👍").unwrap() };
    world.writer.write(room, Event::ReactionAdded(reaction)).await;
    for (client, mine) in [(&mut bob, true), (&mut cid, false)] {
        let frame = client.frame().await;
        assert_eq!(frame["message"]["reactions"], json!([{"emoji": "👍", "count": 1, "mine": mine}]));
    }
}
