//! Reports that do not say where the next record stands: what is answered is in the log, once, and no epoch ends for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use command_api::bus::{CommandBus, Outcome};
use domain::ids::{EventTopic, PartitionId};
use domain::wire::{Claim, Record};
use domain::{RoomId, StreamId, Timestamp};
use futures_util::future::join_all;
use infra::log::Log;
use infra::log::testing::{FaultyLog, Outcome as Report};

use crate::world::{Node, World, eventually, fresh_id, send};

const ROOMS: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };

/// A node over a log whose reports are the test's, with a room.
async fn stage() -> (World, Arc<FaultyLog>, Node, RoomId) {
    let world = World::new(1);
    let faulty = FaultyLog::new(Arc::clone(&world.log), 7).unwrap();
    let node = world.node_over("a", Arc::clone(&faulty) as Arc<dyn Log>).await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    (world, faulty, node, room)
}

/// Each outcome is where it says, messages are numbered as they stand in the log, and one epoch wrote all of them.
async fn holds(world: &World, room: RoomId, outcomes: &[Outcome]) {
    let effective = world.effective().await;
    let told: Vec<_> = effective.iter().filter(|event| event.stream == StreamId::Room(room)).collect();
    for outcome in outcomes {
        let there = told.iter().find(|event| event.metadata.sequence == outcome.sequence);
        assert_eq!(there.map(|event| event.metadata.stream_version), Some(outcome.version), "{outcome:?}");
    }
    let numbers: BTreeSet<_> = outcomes.iter().filter_map(|outcome| outcome.number).collect();
    assert_eq!(numbers.len(), outcomes.len(), "each message has its own number");
    let epochs: BTreeSet<_> = told.iter().map(|event| event.metadata.epoch).collect();
    assert_eq!(epochs.len(), 1, "nothing was in doubt: {epochs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_without_an_offset_or_with_a_wrong_one_are_read_back() {
    for wrong in [Report::ConfirmedWithoutOffset, Report::ConfirmedElsewhere] {
        let (world, faulty, node, room) = stage().await;
        // The first of a burst, one in the middle, the last: others before and after say where they are.
        for place in [0, 3, 7] {
            faulty.order((0..8).map(|index| if index == place { wrong } else { Report::Confirmed }));
            let sent = join_all((0..8).map(|_| node.say(&world, room, "ann", "hello"))).await;
            let outcomes: Vec<_> = sent.into_iter().map(Result::unwrap).collect();
            holds(&world, room, &outcomes).await;
        }
        // None of them says where anything is.
        faulty.order([wrong; 8]);
        let sent = join_all((0..8).map(|_| node.say(&world, room, "ann", "hello"))).await;
        holds(&world, room, &sent.into_iter().map(Result::unwrap).collect::<Vec<_>>()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_writes_between_is_read_before_the_own_record_counts() {
    let (world, _faulty, node, room) = stage().await;
    let mut outcomes = Vec::new();
    for _ in 0..20 {
        outcomes.push(node.say(&world, room, "ann", "hello").await.unwrap());
        let stranger = Record { key: b"x".to_vec(), value: b"{}".to_vec(), ..Record::default() };
        world.log.producer().unwrap().append(ROOMS.into(), stranger).unwrap().await.unwrap();
    }
    holds(&world, room, &outcomes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_another_before_the_own_record_is_never_answered_over() {
    let (world, _faulty, node, room) = stage().await;
    let before = node.say(&world, room, "ann", "before").await.unwrap();
    let epoch = world.effective().await.last().unwrap().metadata.epoch;
    let claim = Claim { claim_id: infra::random::uuid_v4(), node: "another".to_owned(), url: String::new() };
    let claim = Record::of_claim(ROOMS, epoch + 1, &claim, Timestamp::default());
    world.log.producer().unwrap().append(ROOMS.into(), claim).unwrap().await.unwrap();
    // Decided by an owner that does not know yet. Its record is ignored by every reader; the command is executed under a new epoch.
    let (caller, id) = (world.caller("ann"), fresh_id());
    let after = node.cluster.execute(&caller, send(room, "ann", "after", id)).await.unwrap();
    assert_eq!((after.number, after.sequence), (Some(2), before.sequence + 1));
    let effective = world.effective().await;
    let executed: Vec<_> = effective.iter().filter(|event| event.metadata.command_id == id).collect();
    assert!(
        matches!(executed.as_slice(), [event] if event.metadata.epoch > epoch + 1 && event.metadata.sequence == after.sequence)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_fails_ends_the_epoch_and_what_was_stored_is_found_again() {
    let (world, faulty, node, room) = stage().await;
    faulty.order([Report::Confirmed, Report::StoredUnconfirmed, Report::Confirmed, Report::Lost, Report::Confirmed]);
    let ids: Vec<_> = (0..8).map(|_| fresh_id()).collect();
    let caller = world.caller("ann");
    let ask = || join_all(ids.iter().map(|id| node.execute(&caller, send(room, "ann", "hello", *id))));
    let first = ask().await;
    let again: Vec<_> = ask().await.into_iter().map(Result::unwrap).collect();
    for (first, again) in first.iter().zip(&again) {
        assert!(first.as_ref().is_err() || first.as_ref().is_ok_and(|first| first == again), "{first:?} {again:?}");
    }
    let effective = world.effective().await;
    for (id, outcome) in ids.iter().zip(&again) {
        let at: Vec<_> = effective.iter().filter(|event| event.metadata.command_id == *id).collect();
        assert!(matches!(at.as_slice(), [event] if event.metadata.sequence == outcome.sequence), "once, where it was said to be");
    }
    let epochs: BTreeSet<_> = effective.iter().map(|event| event.metadata.epoch).collect();
    assert!(epochs.len() > 1, "no fault ended an epoch: the test proves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_owner_notices_a_claim_of_another() {
    let (world, _faulty, node, room) = stage().await;
    node.say(&world, room, "ann", "hello").await.unwrap();
    let epoch = world.effective().await.last().unwrap().metadata.epoch;
    let claim = Claim { claim_id: infra::random::uuid_v4(), node: "another".to_owned(), url: String::new() };
    let claim = Record::of_claim(ROOMS, epoch + 1, &claim, Timestamp::default());
    world.log.producer().unwrap().append(ROOMS.into(), claim).unwrap().await.unwrap();
    // Nobody asks for anything: it claims again by itself.
    eventually("a claim above the other's", async || {
        let records = crate::world::records(world.log.as_ref(), ROOMS.into()).await;
        records.iter().any(|stored| stored.record.header("ce_epoch") == Some(&(epoch + 2).to_string()))
    })
    .await;
}
