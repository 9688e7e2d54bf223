//! One node: what it answers is in the log, once, and survives it.

use std::collections::BTreeSet;

use command_api::bus::{CommandBus, Fault};
use domain::envelope::Event;
use domain::{CommandId, StreamId, UserId, room};
use futures_util::future::join_all;

use crate::world::{World, create_room, edit, fresh_id, register, send};

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_numbered_densely_and_every_outcome_is_in_the_log() {
    let world = World::new(2);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let texts: Vec<_> = (0..200).map(|index| format!("message {index}")).collect();
    let sent = join_all(texts.iter().map(|text| node.say(&world, room, "ann", text))).await;
    let mut outcomes: Vec<_> = sent.into_iter().map(Result::unwrap).collect();
    outcomes.sort_by_key(|outcome| outcome.number);
    let numbers: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.number).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
    let effective = world.effective().await;
    for outcome in &outcomes {
        let at =
            effective.iter().filter(|event| event.metadata.sequence == outcome.sequence && event.stream == StreamId::Room(room));
        assert_eq!(at.map(|event| event.metadata.stream_version).collect::<Vec<_>>(), [outcome.version]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_original_outcome_in_flight_later_and_after_a_restart() {
    let mut world = World::new(1);
    let mut node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let (caller, id) = (world.caller("ann"), fresh_id());
    let together = join_all((0..20).map(|_| node.execute(&caller, send(room, "ann", "once", id)))).await;
    let outcomes: Vec<_> = together.into_iter().map(Result::unwrap).collect();
    assert!(outcomes.iter().all(|outcome| outcome == &outcomes[0] && outcome.number == Some(1)), "{outcomes:?}");
    assert!(matches!(node.execute(&caller, send(room, "ann", "something else", id)).await, Err(Fault::KeyReused)));

    // With its local state, and without: the log has everything.
    for keep_state in [true, false] {
        node.cluster.stop().await;
        drop(node);
        if !keep_state {
            std::fs::remove_dir_all(world.folder.path().join("state-a")).unwrap();
        }
        world = world.reopen(1);
        node = world.node("a").await;
        node.ready().await;
        assert_eq!(node.execute(&caller, send(room, "ann", "once", id)).await.unwrap(), outcomes[0], "state kept: {keep_state}");
        assert!(matches!(node.execute(&caller, send(room, "ann", "something else", id)).await, Err(Fault::KeyReused)));
    }
    let said =
        world.effective().await.into_iter().filter(|event| matches!(event.event, Event::Room(room::Event::MessageSent(_))));
    assert_eq!(said.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uuid_v7_older_than_the_window_is_refused_unexecuted() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    let old: CommandId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    assert!(matches!(node.execute(&world.service(), register("ann", old)).await, Err(Fault::KeyTooOld { .. })));
    assert_eq!(world.effective().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_leave_no_event_and_are_answered_by_an_idle_owner_too() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann", "ben"]).await;
    let room = node.room(&world, "ann").await;
    let before = world.effective().await.len();
    assert!(matches!(node.say(&world, room, "ben", "hello").await, Err(Fault::Refused(_))));
    let taken = node.execute(&world.service(), register("ann", fresh_id())).await;
    assert!(matches!(taken, Err(Fault::Refused(_))), "{taken:?}");
    assert!(matches!(node.execute(&world.caller("ben"), send(room, "ann", "as ann", fresh_id())).await, Err(Fault::NotAllowed)));
    assert_eq!(world.effective().await.len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_decided_on_what_was_said_even_while_it_is_in_flight() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let caller = world.caller("ann");
    let (said, edited) =
        tokio::join!(node.say(&world, room, "ann", "first"), node.execute(&caller, edit(room, "ann", 1, "second")));
    assert_eq!(said.unwrap().number, Some(1));
    assert_eq!(edited.unwrap().version, 3, "created, sent, edited");
    let same = node.execute(&caller, edit(room, "ann", 1, "second")).await.unwrap();
    assert!(!same.changed, "the text is so already");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_answer_for_facts_about_their_streams() {
    let world = World::new(2);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann", "ben"]).await;
    let room = node.room(&world, "ann").await;
    node.say(&world, room, "ann", "hello").await.unwrap();
    let (caller, id) = (world.caller("ann"), |name| UserId::parse(name).unwrap());
    let active = node.cluster.active_users(&caller, &[id("ann"), id("ben"), id("nobody")]).await.unwrap();
    assert_eq!(active, BTreeSet::from([id("ann"), id("ben")]));
    let standing = node.cluster.standing(&caller, room, &id("ann")).await.unwrap().unwrap();
    assert_eq!((standing.role, standing.last_number), (Some(room::Role::Owner), 1));
    assert_eq!(node.cluster.standing(&caller, room, &id("ben")).await.unwrap().unwrap().role, None);
    let StreamId::Room(nowhere) = create_room("ann").stream else { unreachable!() };
    assert_eq!(node.cluster.standing(&caller, nowhere, &id("ann")).await.unwrap(), None);
}
