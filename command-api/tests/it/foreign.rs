//! Records that others write into an owned partition: ignored, and survived.

use command_api::bus::{CommandBus, Fault};
use domain::ids::{EventTopic, PartitionId};
use domain::wire::Record;
use domain::{StreamId, Timestamp, UserId};

use crate::world::{World, eventually};

const ROOMS: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };
const USERS: PartitionId = PartitionId { topic: EventTopic::Users, number: 0 };

async fn append(world: &World, record: Record) {
    append_to(world, ROOMS, record).await;
}

async fn append_to(world: &World, partition: PartitionId, record: Record) {
    world.log.producer().unwrap().append(partition.into(), record).unwrap().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stale_or_foreign_writer_appends_changes_nothing() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    node.say(&world, room, "ann", "one").await.unwrap();
    let of_room = |event: &domain::Envelope| event.stream == StreamId::Room(room);
    let first = world.effective().await.into_iter().find(of_room).unwrap();
    // An earlier owner's late record, a copy of an effective one, and something that is not ours at all.
    let mut late = Record::of_event(&first);
    late.headers.iter_mut().filter(|(name, _)| name == "ce_epoch").for_each(|(_, value)| *value = b"0".to_vec());
    append(&world, late).await;
    append(&world, Record { key: b"x".to_vec(), value: b"{not json".to_vec(), ..Record::default() }).await;
    let outcome = node.say(&world, room, "ann", "two").await.unwrap();
    assert_eq!(outcome.number, Some(2));
    assert_eq!(world.effective().await.iter().filter(|event| of_room(event)).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_under_the_own_epoch_ends_it_and_the_owner_claims_again() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let created = world.effective().await.into_iter().find(|event| event.stream == StreamId::Room(room)).unwrap();
    append(&world, Record::of_event(&created)).await;
    let outcome = node.say(&world, room, "ann", "still here").await.unwrap();
    assert_eq!(outcome.number, Some(1));
    eventually("a higher epoch", async || {
        node.say(&world, room, "ann", "again").await.unwrap();
        world.effective().await.iter().any(|event| event.metadata.epoch > created.metadata.epoch)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_record_of_the_own_epoch_is_survived() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let created = world.effective().await.into_iter().find(|event| event.stream == StreamId::Room(room)).unwrap();
    let forged = Record::of_barrier(ROOMS, created.metadata.epoch, created.metadata.sequence + 1, Timestamp::default());
    append(&world, forged).await;
    for number in 1..=3 {
        assert_eq!(node.say(&world, room, "ann", "still dense").await.unwrap().number, Some(number));
    }
}

/// As if a later version of this program had owned the partition: the next record of a new epoch, about `stream`, of an unknown type.
async fn append_of_the_future(world: &World, like: domain::Envelope, partition: PartitionId, stream: StreamId) {
    let mut cursor = domain::Cursor::default();
    for stored in crate::world::records(world.log.as_ref(), partition.into()).await {
        cursor.accept(stored.record.mark());
    }
    let claim = domain::wire::Claim { claim_id: infra::random::uuid_v4(), node: "later".to_owned(), url: String::new() };
    append_to(world, partition, Record::of_claim(partition, cursor.epoch + 1, &claim, Timestamp::default())).await;
    let mut record = Record::of_event(&domain::Envelope { stream, ..like });
    for (name, value) in &mut record.headers {
        match name.as_ref() {
            "ce_epoch" => *value = (cursor.epoch + 1).to_string().into_bytes(),
            "ce_partitionseq" => *value = (cursor.sequence + 1).to_string().into_bytes(),
            "ce_type" => *value = b"sarangbang.painted.v9".to_vec(),
            _ => {}
        }
    }
    append_to(world, partition, record).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_an_event_of_the_future_is_refused_and_the_rest_goes_on() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann", "ben", "cay"]).await;
    let (broken, sound) = (node.room(&world, "ann").await, node.room(&world, "ann").await);
    node.cluster.stop().await;
    drop(node);
    let id = |name| UserId::parse(name).unwrap();
    let last = world.effective().await.pop().unwrap();
    append_of_the_future(&world, last.clone(), ROOMS, StreamId::Room(broken)).await;
    append_of_the_future(&world, last, USERS, StreamId::User(id("ben"))).await;

    // Either node may own either partition, so that one of them asks the other.
    let nodes = [world.node("a").await, world.node("b").await];
    for node in &nodes {
        node.ready().await;
        let refused = node.say(&world, broken, "ann", "hello").await;
        assert!(matches!(refused, Err(Fault::StreamUnreadable(_))), "{refused:?}");
        node.say(&world, sound, "ann", "hello").await.unwrap();
        // What is not known is not said either, neither "no" nor "nobody".
        let caller = world.caller("ann");
        let standing = node.cluster.standing(&caller, broken, &id("ann")).await;
        assert!(matches!(&standing, Err(Fault::StreamUnreadable(StreamId::Room(room))) if *room == broken), "{standing:?}");
        assert!(node.cluster.standing(&caller, sound, &id("ann")).await.unwrap().is_some());
        let active = node.cluster.active_users(&caller, &[id("cay"), id("ben")]).await;
        assert!(matches!(&active, Err(Fault::StreamUnreadable(StreamId::User(user))) if *user == id("ben")), "{active:?}");
        assert_eq!(node.cluster.active_users(&caller, &[id("cay")]).await.unwrap().len(), 1);
    }
}
