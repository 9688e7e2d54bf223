//! Presence: who is shown to whom, on which node, and for how long.

use std::time::Duration;

use domain::ids::Pair;
use domain::relation::{self, Blocked};
use domain::room::Kind;
use domain::user::{self, VisibilityChanged};
use domain::{RoomId, StreamId};
use infra::log::{Topic, TopicPartition};
use query_api::ws::Limits;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Client, PATIENCE, World, created, id, until};

/// Longer than a word about somebody holds when nobody repeats it.
const WORDS_OVER: Duration = Duration::from_secs(51);

/// A socket of `user` that shows them online.
async fn online(world: &World, user: &str) -> Client {
    let mut client = world.connect(user).await;
    client.say(json!({"type": "presence", "state": "online"})).await;
    client
}

/// The next presence frame says this of one person; the state, and when they were last seen.
async fn told(client: &mut Client, of: &str) -> (String, bool) {
    let frame = client.frame().await;
    assert_eq!((&frame["type"], &frame["people"][0]["userId"]), (&json!("presence"), &json!(of)), "{frame}");
    assert_eq!(frame["people"].as_array().unwrap().len(), 1);
    let person = &frame["people"][0];
    (person["state"].as_str().unwrap().to_owned(), person["lastSeenAt"].is_string())
}

fn state(state: &str) -> (String, bool) {
    (state.to_owned(), false)
}

fn last_seen() -> (String, bool) {
    ("offline".to_owned(), true)
}

fn nothing_known() -> (String, bool) {
    state("offline")
}

/// How `friend` stands in the list of `user`.
async fn listed(world: &World, user: &str, friend: &str) -> Value {
    let (_, page) = world.get(user, "/chat/friends", &world.writer.read_tokens_of_people()).await;
    let friends = page["items"].as_array().unwrap();
    friends.iter().find(|row| row["userId"] == friend).map(|row| row["presence"].clone()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn friends_see_each_other_come_look_away_and_go() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let (mut ann, mut eve) = (online(&world, "ann").await, online(&world, "eve").await);
    let mut bob = online(&world, "bob").await;
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    assert_eq!(told(&mut bob, "ann").await, state("online"), "who was there before is told at once");
    bob.say(json!({"type": "presence", "state": "away"})).await;
    assert_eq!(told(&mut ann, "bob").await, state("away"));
    assert_eq!(listed(&world, "ann", "bob").await, json!({"state": "away"}));
    // A second page of the same person, which looks.
    let mut second = online(&world, "bob").await;
    assert_eq!(told(&mut second, "ann").await, state("online"));
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    drop((bob, second));
    let mut seen = told(&mut ann, "bob").await;
    if seen == state("away") {
        // The two sockets were closed on both sides of a turn.
        seen = told(&mut ann, "bob").await;
    }
    assert_eq!(seen, last_seen());
    assert!(listed(&world, "ann", "bob").await["lastSeenAt"].is_string());
    assert_eq!(eve.settled().await, Vec::<Value>::new(), "a stranger is told nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_socket_that_takes_no_part_shows_nobody_and_is_shown_nobody() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let mut ann = world.connect("ann").await;
    let mut bob = online(&world, "bob").await;
    until("bob is shown as online", async || listed(&world, "ann", "bob").await["state"] == "online").await;
    assert_eq!(ann.settled().await, Vec::<Value>::new());
    assert_eq!(bob.settled().await, Vec::<Value>::new());
    assert_eq!(listed(&world, "bob", "ann").await, json!({"state": "offline"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_crosses_nodes_and_ends_by_itself_with_a_node_that_is_gone() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let mut ann = online(&world, "ann").await;
    until("ann is shown as online", async || listed(&world, "bob", "ann").await["state"] == "online").await;
    let other = CancellationToken::new();
    let address = world.another_node(&other).await;
    // The node that has just begun to follow knows who was there before.
    let mut bob = Client::connect(address, &world.token("bob")).await.unwrap();
    bob.say(json!({"type": "presence", "state": "online"})).await;
    assert_eq!(told(&mut bob, "ann").await, state("online"));
    assert_eq!(told(&mut ann, "bob").await, state("online"));

    // As after kill -9: nothing is said any more.
    other.cancel();
    world.clock.put_forward(WORDS_OVER);
    assert_eq!(told(&mut ann, "bob").await, last_seen());
    until("who is still there is said to be so again", async || listed(&world, "bob", "ann").await["state"] == "online").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_switches_presence_off_is_shown_to_nobody_and_neither_is_their_typing() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let (mut ann, mut bob) = (online(&world, "ann").await, online(&world, "bob").await);
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    assert_eq!(told(&mut bob, "ann").await, state("online"));
    let hidden = |presence_hidden| user::Event::VisibilityChanged(VisibilityChanged { presence_hidden });
    world.writer.write_user("bob", hidden(true)).await;
    assert_eq!(told(&mut ann, "bob").await, nothing_known());
    assert_eq!(listed(&world, "ann", "bob").await, json!({"state": "offline"}));

    for client in [&mut ann, &mut bob] {
        client.subscribe(room, None).await;
        assert_eq!(client.frame().await["type"], "subscribed");
    }
    bob.say(json!({"type": "typing", "room": room})).await;
    assert_eq!(bob.settled().await, Vec::<Value>::new());
    // What ann types is passed on behind what bob typed.
    ann.say(json!({"type": "typing", "room": room})).await;
    let frame = bob.frame().await;
    assert_eq!((&frame["type"], &frame["userId"]), (&json!("typing"), &json!("ann")));
    assert_eq!(ann.settled().await, Vec::<Value>::new());

    world.writer.write_user("bob", hidden(false)).await;
    assert_eq!(told(&mut ann, "bob").await, state("online"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hid_before_is_never_shown() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    world.writer.befriend("ann", "cid").await;
    let hidden = VisibilityChanged { presence_hidden: true };
    world.writer.write_user("bob", user::Event::VisibilityChanged(hidden)).await;
    // The read model knows it.
    assert_eq!(listed(&world, "ann", "bob").await, json!({"state": "offline"}));
    let (mut ann, mut bob) = (online(&world, "ann").await, online(&world, "bob").await);
    assert_eq!(told(&mut bob, "ann").await, state("online"), "hiding takes nothing away from what one sees");
    drop(bob);
    let _cid = online(&world, "cid").await;
    assert_eq!(told(&mut ann, "cid").await, state("online"), "and nothing of bob before it");
    assert_eq!(listed(&world, "ann", "bob").await, json!({"state": "offline"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_hides_both_from_each_other_and_friendship_shows_them_again() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let (mut ann, mut bob) = (online(&world, "ann").await, online(&world, "bob").await);
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    assert_eq!(told(&mut bob, "ann").await, state("online"));
    world.writer.relate("ann", "bob", |step| relation::Event::Blocked(Blocked { step, mutual: false })).await;
    assert_eq!(told(&mut bob, "ann").await, nothing_known());
    assert_eq!(told(&mut ann, "bob").await, nothing_known());
    ann.say(json!({"type": "presence", "state": "away"})).await;
    bob.say(json!({"type": "presence", "state": "away"})).await;
    assert_eq!(listed(&world, "bob", "ann").await, Value::Null);

    let unblocked = |step| relation::Event::Unblocked(relation::Unblocked { step, still_blocked: false });
    world.writer.relate("ann", "bob", unblocked).await;
    world.writer.befriend("bob", "ann").await;
    // Neither was told anything while the block stood.
    let mut seen = told(&mut bob, "ann").await;
    if seen == state("online") {
        seen = told(&mut bob, "ann").await;
    }
    assert_eq!(seen, state("away"));
}

/// Somebody whose stream, made by `stream`, stands in the same partition as `other`, so that what is said of them is heard after it.
fn beside(world: &World, other: &StreamId, stream: impl Fn(&str) -> StreamId) -> String {
    let names = (0..1_000).map(|number| format!("z{number}"));
    let found = names.into_iter().find(|name| world.writer.place_of(&stream(name)) == world.writer.place_of(other));
    found.expect("one of a thousand")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_before_the_read_model_has_a_friendship_is_shown_the_friend_all_the_same() {
    let world = World::new().await;
    let with_ann = |name: &str| StreamId::Relation(Pair::of(&id("ann"), &id(name)).unwrap());
    let zed = beside(&world, &with_ann("bob"), with_ann);
    world.writer.befriend("ann", &zed).await;
    let (mut ann, _zed) = (online(&world, "ann").await, online(&world, &zed).await);
    assert_eq!(told(&mut ann, &zed).await, state("online"));
    world.projector.pause();
    world.writer.befriend("ann", "bob").await;
    world.writer.relate("ann", &zed, |step| relation::Event::Blocked(Blocked { step, mutual: false })).await;
    assert_eq!(told(&mut ann, &zed).await, nothing_known());
    // So the node has read the friendship too, before Bob is there.
    let mut bob = online(&world, "bob").await;
    assert_eq!(bob.settled().await, Vec::<Value>::new());
    world.projector.resume();
    assert_eq!(told(&mut bob, "ann").await, state("online"));
    assert_eq!(told(&mut ann, "bob").await, state("online"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_former_owner_writes_of_people_hides_nobody() {
    let world = World::new().await;
    let zed = beside(&world, &StreamId::User(id("bob")), |name| StreamId::User(id(name)));
    let hidden = || user::Event::VisibilityChanged(VisibilityChanged { presence_hidden: true });
    for friend in ["bob", zed.as_str()] {
        world.writer.befriend("ann", friend).await;
    }
    let mut ann = online(&world, "ann").await;
    let _bob = online(&world, "bob").await;
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    let _zed = online(&world, &zed).await;
    assert_eq!(told(&mut ann, &zed).await, state("online"));
    world.writer.write_stale_of_user("bob", hidden()).await;
    world.writer.write_user(&zed, hidden()).await;
    assert_eq!(told(&mut ann, &zed).await, nothing_known(), "and nothing of Bob before it");
    assert_eq!(listed(&world, "ann", "bob").await, json!({"state": "online"}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn presence_and_typing_leave_no_event() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let ends = async || {
        let mut ends = Vec::new();
        for topic in [Topic::Users, Topic::Rooms] {
            for partition in 0..world.log.partitions(topic).get() {
                ends.push(world.log.end(TopicPartition { topic, partition }).await.unwrap());
            }
        }
        ends
    };
    let before = ends().await;
    let (mut ann, mut bob) = (online(&world, "ann").await, online(&world, "bob").await);
    assert_eq!(told(&mut ann, "bob").await, state("online"));
    assert_eq!(told(&mut bob, "ann").await, state("online"));
    for client in [&mut ann, &mut bob] {
        client.subscribe(room, None).await;
        assert_eq!(client.frame().await["type"], "subscribed");
    }
    bob.say(json!({"type": "typing", "room": room})).await;
    assert_eq!(ann.frame().await["type"], "typing");
    drop(bob);
    assert_eq!(told(&mut ann, "bob").await, last_seen());
    assert_eq!(ends().await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_changes_its_mind_without_end_makes_a_few_records() {
    let world = World::new().await;
    world.writer.befriend("ann", "bob").await;
    let mut ann = online(&world, "ann").await;
    let mut bob = world.connect("bob").await;
    for turn in 0..400 {
        bob.say(json!({"type": "presence", "state": if turn % 2 == 0 { "online" } else { "away" }})).await;
    }
    assert_eq!(bob.settled().await.iter().filter(|frame| frame["type"] != "presence").count(), 0);
    until("bob is shown as away", async || listed(&world, "ann", "bob").await["state"] == "away").await;
    let begin = tokio::time::Instant::now();
    let told = ann.settled().await.len();
    assert!(told <= 100, "{told} frames of 400, after {:?}", begin.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_loses_presence_and_keeps_its_chain() {
    let world = World::with(Limits { queue_frames_max: 8, read_model_wait_max: PATIENCE, ..Limits::default() }).await;
    for friend in 0..30 {
        world.writer.befriend("ann", &format!("f{friend:02}")).await;
    }
    let mut ann = online(&world, "ann").await;
    let mut friends = Vec::new();
    for friend in 0..30 {
        friends.push(online(&world, &format!("f{friend:02}")).await);
    }
    until("all are shown as online", async || {
        let (_, page) = world.get("ann", "/chat/friends", "").await;
        page["items"].as_array().unwrap().iter().filter(|row| row["presence"]["state"] == "online").count() == 30
    })
    .await;
    // Whatever became of the frames, the socket is still good for what must not be lost.
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &[])).await;
    ann.subscribe(room, None).await;
    let frames = loop {
        let frame = ann.frame().await;
        if frame["type"] != "presence" {
            break frame;
        }
    };
    assert_eq!(frames["type"], "subscribed");
}
