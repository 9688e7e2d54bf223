//! Two nodes over one log. The embedded log assigns everything to everybody: the worst hint there is, and safety must not mind.

use std::collections::{BTreeMap, BTreeSet};

use domain::envelope::Event;
use domain::{StreamId, room};
use futures_util::future::join_all;

use crate::world::{World, fresh_id, send};

/// How many messages each node is asked to send while both fight for the partitions.
const MESSAGES: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_both_believe_to_own_everything_execute_each_command_once() {
    let world = World::new(2);
    let (a, b) = (world.node("a").await, world.node("b").await);
    a.ready().await;
    a.register(&world, &["ann", "ben"]).await;
    let rooms = [a.room(&world, "ann").await, b.room(&world, "ben").await];
    let (ann, ben) = (world.caller("ann"), world.caller("ben"));
    // Each command goes to both nodes at once, under one id: a client that lost patience with the first node.
    let asked = (0..MESSAGES).map(|index| {
        let (room, who, caller) = if index % 2 == 0 { (rooms[0], "ann", &ann) } else { (rooms[1], "ben", &ben) };
        let command = send(room, who, &format!("{index}"), fresh_id());
        let (a, b) = (&a, &b);
        async move { (command.id, tokio::join!(a.execute(caller, command.clone()), b.execute(caller, command))) }
    });
    let answered = join_all(asked).await;

    let mut effective = BTreeMap::new();
    let mut numbers: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for event in world.effective().await {
        let Event::Room(room::Event::MessageSent(sent)) = &event.event else { continue };
        assert!(effective.insert(event.metadata.command_id, event.metadata.sequence).is_none(), "executed twice: {event:?}");
        numbers.entry(event.stream.clone()).or_default().push(sent.message.number);
    }
    let mut acknowledged = BTreeSet::new();
    for (id, (from_a, from_b)) in answered {
        for outcome in [from_a, from_b].into_iter().flatten() {
            assert_eq!(effective.get(&id), Some(&outcome.sequence), "an acknowledged message is not where its outcome says");
            acknowledged.insert(id);
        }
    }
    assert!(acknowledged.len() >= MESSAGES * 9 / 10, "only {} of {MESSAGES} were acknowledged", acknowledged.len());
    for room in rooms {
        let found = numbers.remove(&StreamId::Room(room)).unwrap_or_default();
        let dense: Vec<u64> = (1..).take(found.len()).collect();
        assert_eq!(found, dense, "numbers are dense and in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_planned_stop_the_other_node_serves() {
    let world = World::new(1);
    let a = world.node("a").await;
    a.ready().await;
    a.register(&world, &["ann"]).await;
    let room = a.room(&world, "ann").await;
    let b = world.node("b").await;
    for _ in 0..20 {
        b.say(&world, room, "ann", "through b").await.unwrap();
    }
    a.cluster.stop().await;
    drop(a);
    let after = b.say(&world, room, "ann", "after the stop").await.unwrap();
    assert_eq!(after.number, Some(21));
}
