//! One node: what it answers is in the log, once, and survives it.

use std::collections::BTreeSet;

use command_api::bus::{CommandBus, Fault};
use domain::command::Facts;
use domain::envelope::Event;
use domain::{CommandId, StreamId, UserId, relation, room};
use futures_util::future::join_all;
use infra::tokens::Caller;

use crate::world::{World, create_room, edit, eventually, fresh_id, register, relate, send};

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

#[tokio::test(flavor = "multi_thread")]
async fn two_people_befriend_and_block_each_other_and_owners_know_of_the_block() {
    let world = World::new(2);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann", "ben", "cid"]).await;
    let id = |name| UserId::parse(name).unwrap();
    let facts = || Facts { active_users: ["ann", "ben"].map(id).into(), ..Facts::default() };
    let (ann, ben) = (world.caller("ann"), world.caller("ben"));
    let befriend = || relation::Command::Befriend { facts: facts() };
    assert_eq!(node.execute(&ann, relate("ann", "ben", befriend())).await.unwrap().version, 1);
    assert_eq!(node.execute(&ben, relate("ben", "ann", befriend())).await.unwrap().version, 2);
    assert!(!node.execute(&ann, relate("ann", "ben", befriend())).await.unwrap().changed);
    let blocked =
        async |who: &Caller| node.cluster.blocked_users(who, &who.user, &["ann", "ben", "cid", "nobody"].map(id)).await.unwrap();
    assert_eq!(blocked(&ann).await, BTreeSet::new());
    node.execute(&ben, relate("ben", "ann", relation::Command::Block { facts: facts() })).await.unwrap();
    // Both are told, so that neither learns who it was; and it is known at once.
    assert_eq!((blocked(&ann).await, blocked(&ben).await), ([id("ben")].into(), [id("ann")].into()));
    let refused = node.execute(&ann, relate("ann", "ben", befriend())).await;
    assert!(matches!(refused, Err(Fault::Refused(refusal)) if refusal.code() == "blocked"));
    // Ann cannot take back what Ben has set.
    assert!(!node.execute(&ann, relate("ann", "ben", relation::Command::Unblock)).await.unwrap().changed);
    assert!(matches!(node.execute(&ann, relate("ben", "ann", relation::Command::Unblock)).await, Err(Fault::NotAllowed)));
    node.cluster.stop().await;
    let node = world.node("b").await;
    node.ready().await;
    let after = node.cluster.blocked_users(&ann, &ann.user, &[id("ben")]).await.unwrap();
    assert_eq!(after, [id("ben")].into(), "the next owner knows it from the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_is_repeated_with_success_after_its_window() {
    let world = World::new(1);
    let window = std::time::Duration::from_millis(1);
    let node = world.node_with("a", |options| options.idempotency_window = window).await;
    node.ready().await;
    let id = CommandId::derived("saga", "register-user");
    let first = node.execute(&world.service(), register("ann", id)).await.unwrap();
    eventually("the first outcome is forgotten", async || {
        let again = node.execute(&world.service(), register("ann", id)).await.unwrap();
        assert_eq!(again.version, first.version);
        !again.changed
    })
    .await;
    let other = node.execute(&world.service(), register("ann", CommandId::derived("another", "register-user"))).await;
    assert!(matches!(other, Err(Fault::Refused(refusal)) if refusal.code() == "user-exists"));
}
