//! Records that others write into an owned partition: ignored, and survived.

use command_api::bus::Fault;
use domain::ids::{EventTopic, PartitionId};
use domain::wire::Record;
use domain::{StreamId, Timestamp};

use crate::world::{World, eventually};

const ROOMS: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 0 };

async fn append(world: &World, record: Record) {
    world.log.producer().unwrap().append(ROOMS.into(), record).unwrap().await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_an_event_of_the_future_is_refused_and_the_rest_goes_on() {
    let world = World::new(1);
    let node = world.node("a").await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let (broken, sound) = (node.room(&world, "ann").await, node.room(&world, "ann").await);
    // As if a later version of this program had owned the partition: the next record of a new epoch, of an unknown type.
    let last = world
        .effective()
        .await
        .into_iter()
        .filter(|event| matches!(event.stream, StreamId::Room(_)))
        .max_by_key(|event| event.metadata.sequence)
        .unwrap();
    node.cluster.stop().await;
    drop(node);
    let mut cursor = domain::Cursor::default();
    for stored in crate::world::records(world.log.as_ref(), ROOMS.into()).await {
        cursor.accept(stored.record.mark());
    }
    let claim = domain::wire::Claim { claim_id: infra::random::uuid_v4(), node: "later".to_owned(), url: String::new() };
    append(&world, Record::of_claim(ROOMS, cursor.epoch + 1, &claim, Timestamp::default())).await;
    let mut record = Record::of_event(&domain::Envelope { stream: StreamId::Room(broken), ..last });
    for (name, value) in &mut record.headers {
        match name.as_ref() {
            "ce_epoch" => *value = (cursor.epoch + 1).to_string().into_bytes(),
            "ce_partitionseq" => *value = (cursor.sequence + 1).to_string().into_bytes(),
            "ce_type" => *value = b"sarangbang.room.painted.v9".to_vec(),
            _ => {}
        }
    }
    append(&world, record).await;
    let node = world.node("a").await;
    node.ready().await;
    let refused = node.say(&world, broken, "ann", "hello").await;
    assert!(matches!(refused, Err(Fault::StreamUnreadable(_))), "{refused:?}");
    assert_eq!(node.say(&world, sound, "ann", "hello").await.unwrap().number, Some(1));
}
