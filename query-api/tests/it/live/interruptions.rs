//! What interrupts the feed: a read model that stands still, slow clients, stale writers, events that cannot be read, a stop.

use domain::RoomId;
use domain::room::{Event, Kind, MessageEdited};
use query_api::ws::Limits;
use serde_json::{Value, json};

use super::chain::{facts, sent};
use crate::fixture::{Fails, Fold, World, created};

fn edit(number: u64, text: &str) -> Event {
    Event::MessageEdited(MessageEdited { message: facts(number, text), mentions_dropped: Vec::new() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_do_not_wait_for_the_read_model() {
    let world = World::new().await;
    let (room, other) = (RoomId::of_import("test", "a"), RoomId::of_import("test", "b"));
    for room in [room, other] {
        world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    }
    let mut bob = world.connect("bob").await;
    for room in [room, other] {
        bob.subscribe(room, None).await;
        assert_eq!(bob.frame().await["type"], "subscribed");
    }
    world.projector.pause();
    world.writer.write(room, sent(1, "first")).await;
    assert_eq!(bob.frame().await["message"]["text"], "first");
    // An edit needs the message's reactions: it waits, with what follows in its room, and nothing else does.
    world.writer.write(room, edit(1, "edited")).await;
    world.writer.write(room, sent(2, "second")).await;
    world.writer.write(other, sent(1, "elsewhere")).await;
    assert_eq!(bob.frame().await["message"]["text"], "elsewhere");
    world.projector.resume();
    assert_eq!(bob.frame().await["message"]["text"], "edited");
    assert_eq!(bob.frame().await["message"]["text"], "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_model_that_stays_behind_is_told_and_not_guessed() {
    let world = World::with(Limits::default()).await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob", "cid"])).await;
    let (mut bob, mut cid) = (world.connect("bob").await, world.connect("cid").await);
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    world.projector.pause();
    world.writer.write(room, sent(1, "first")).await;
    assert_eq!(bob.frame().await["version"], 2);
    world.writer.write(room, edit(1, "edited")).await;
    cid.subscribe(room, Some(0)).await;
    for client in [&mut bob, &mut cid] {
        assert_eq!(client.frame().await, json!({"type": "resync", "room": room, "reason": "read-model-behind"}));
    }
    world.projector.resume();
    let mut fold = Fold { version: 2, ..Fold::default() };
    bob.subscribe(room, Some(2)).await;
    while fold.version < 3 {
        fold.take(&bob.frame().await);
    }
    assert_eq!(fold.messages[&1]["text"], "edited");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_is_only_ahead_of_this_node_is_not_called_unknown() {
    let world = World::with(Limits::default()).await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    world.state("bob", room).await;
    let mut bob = world.connect("bob").await;
    // Bob comes from a node that is ahead: here neither the tail nor the read model have the version yet.
    world.projector.pause();
    world.faults.set(Fails::Unavailable);
    let version = world.writer.write(room, sent(1, "shown by another node")).await;
    bob.subscribe(room, Some(version)).await;
    assert_eq!(bob.frame().await, json!({"type": "resync", "room": room, "reason": "read-model-behind"}));
    world.faults.set(Fails::Nothing);
    world.projector.resume();
    let begins = loop {
        bob.subscribe(room, Some(version)).await;
        let frame = bob.frame().await;
        if frame["reason"] != "read-model-behind" {
            break frame;
        }
    };
    assert_eq!(begins, json!({"type": "subscribed", "room": room, "version": version}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_joins_while_the_read_model_lags_gets_it_all_once() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob", "cid"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    world.projector.pause();
    world.writer.write(room, sent(1, "before the join")).await;
    // The tail has passed it, the read model has not.
    assert_eq!(bob.frame().await["version"], 2);
    let mut cid = world.connect("cid").await;
    cid.subscribe(room, Some(1)).await;
    assert_eq!(cid.settled().await, Vec::<Value>::new());
    world.writer.write(room, sent(2, "during the join")).await;
    assert_eq!(bob.frame().await["version"], 3);
    world.projector.resume();
    let mut fold = Fold { version: 1, ..Fold::default() };
    while fold.version < 3 {
        fold.take(&cid.frame().await);
    }
    assert_eq!(fold.messages.len(), 2);
    assert_eq!(cid.settled().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_client_is_cut_off_and_resumes() {
    let sockets = Limits { queue_frames_max: 8, changes_bytes_max: usize::MAX, ..Limits::default() };
    let world = World::with(sockets).await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    let mut fold = Fold::default();
    fold.take(&bob.frame().await);
    // More than the buffers of both ends of a loopback connection hold, while bob does not read.
    let text = "가".repeat(10_000);
    for number in 1..=400 {
        world.writer.write(room, sent(number, &text)).await;
    }
    let code = loop {
        match bob.came().await {
            crate::fixture::Came::Frame(frame) => fold.take(&frame),
            crate::fixture::Came::Closed(code) => break code,
        }
    };
    // 4413 where the last words still came through; a client that read nothing may see the bare end.
    assert!(matches!(code, 4413 | 0), "{code}");
    assert!(fold.version < 401, "it was cut off before the end");
    let mut again = world.connect("bob").await;
    again.subscribe(room, Some(fold.version)).await;
    while fold.version < 401 {
        fold.take(&again.frame().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_stale_writer_adds_reaches_nobody() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    world.writer.claim_next(world.writer.partition(room)).await;
    world.writer.write_stale(room, sent(1, "stale")).await;
    world.writer.write(room, sent(1, "true")).await;
    world.writer.write_stale(room, sent(2, "stale again")).await;
    world.writer.write(room, sent(2, "true again")).await;
    let texts = [bob.frame().await, bob.frame().await].map(|frame| frame["message"]["text"].clone());
    assert_eq!(texts, ["true", "true again"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_cannot_be_read_is_no_silent_gap() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    world.writer.write_changed(room, sent(1, "from the future"), |record| record.value = b"{}".to_vec()).await;
    assert_eq!(bob.frame().await, json!({"type": "resync", "room": room, "reason": "event-unreadable"}));
    world.writer.write(room, sent(2, "readable")).await;
    // The read model knows the version after the unreadable event only by the next one.
    world.state("bob", room).await;
    bob.subscribe(room, Some(1)).await;
    let mut fold = Fold { version: 1, ..Fold::default() };
    while fold.version < 3 {
        fold.take(&bob.frame().await);
    }
    assert_eq!(fold.messages[&2]["text"], "readable");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_cannot_be_brought_up_starts_anew() {
    let sockets = Limits { changes_max: 5, ..Limits::default() };
    let world = World::with(sockets).await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    for number in 1..=9 {
        world.writer.write(room, sent(number, "x")).await;
    }
    world.state("bob", room).await;
    let mut bob = world.connect("bob").await;
    for (after, reason) in [(3, "too-far-behind"), (99, "version-unknown")] {
        bob.subscribe(room, Some(after)).await;
        assert_eq!(bob.frame().await, json!({"type": "resync", "room": room, "reason": reason}));
    }
    bob.subscribe(room, Some(6)).await;
    let mut fold = Fold { version: 6, ..Fold::default() };
    while fold.version < 10 {
        fold.take(&bob.frame().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_says_so_and_leaves_nothing_running() {
    let world = World::new().await;
    let mut bob = world.connect("bob").await;
    bob.settled().await;
    world.cancel.cancel();
    assert_eq!(bob.close_code().await, 1001);
    tokio::time::timeout(crate::fixture::PATIENCE, world.api.stopped()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_fails_for_a_while_leaves_no_gap() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, Some(0)).await;
    let mut fold = Fold::default();
    for number in 1..=30 {
        match number % 10 {
            3 => world.faults.set(Fails::Unavailable),
            6 => world.faults.set(Fails::Nothing),
            _ => {}
        }
        world.writer.write(room, sent(number, "x")).await;
    }
    while fold.version < 31 {
        fold.take(&bob.frame().await);
    }
    assert_eq!(fold, world.state("bob", room).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_place_in_the_log_is_told() {
    let world = World::new().await;
    let room = RoomId::of_import("test", "room");
    world.writer.write(room, created(Kind::Private, "room", &["bob"])).await;
    let mut bob = world.connect("bob").await;
    bob.subscribe(room, None).await;
    assert_eq!(bob.frame().await["type"], "subscribed");
    world.faults.set(Fails::PlaceLost);
    assert_eq!(bob.frame().await, json!({"type": "resync", "room": room, "reason": "feed-interrupted"}));
    world.writer.write(room, sent(1, "meanwhile")).await;
    world.faults.set(Fails::Nothing);
    let mut fold = Fold { version: 1, ..Fold::default() };
    bob.subscribe(room, Some(1)).await;
    world.writer.write(room, sent(2, "after")).await;
    while fold.version < 3 {
        let frame = bob.frame().await;
        if frame["type"] == "resync" {
            // The tail began anew once more, after bob had come back.
            bob.subscribe(room, Some(fold.version)).await;
        }
        fold.take(&frame);
    }
    assert_eq!(fold.messages.len(), 2);
}
