//! What is asked of the read model, while people write.

use std::num::NonZeroU32;
use std::sync::Arc;

use domain::Timestamp;
use domain::ids::{EventTopic, PartitionId};
use domain::saga::{DeactivationRequested, SagaId};
use domain::wire::{Claim, Record};
use infra::log::{Log, TopicPartition, embedded};
use infra::read_model::generations::{Current, Generation, LEASE};
use infra::read_model::{Changes, Checkpoint, Timeline, sqlite};
use orchestrator::act::{Act as _, Attempt, CommandApi, Rooms, World};
use orchestrator::process::{Deactivation, Effect, Input, Process};
use orchestrator::run::Run;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::commands::Tokens;
use crate::system::id;

/// Writes on and on, with a projector behind that never comes to the end: it takes a record only when there is one more.
async fn write_on(log: Arc<dyn Log>, timeline: Arc<dyn Timeline>) {
    let (rooms, producer) = (PartitionId { topic: EventTopic::Rooms, number: 0 }, log.producer().unwrap());
    let claim = Claim { claim_id: Uuid::nil(), node: "a".to_owned(), url: String::new() };
    for number in 0.. {
        let record = Record::of_claim(rooms, number + 1, &claim, Timestamp::default());
        producer.append(rooms.into(), record).unwrap().await.unwrap();
        let at = |next_offset| Checkpoint { next_offset, ..Checkpoint::default() };
        if let Some(before) = number.checked_sub(1) {
            timeline.apply(&Changes::default(), rooms.into(), at(before), at(number)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_rooms_there_are_is_known_though_somebody_writes_all_the_time() {
    let (folder, stop) = (tempfile::tempdir().unwrap(), CancellationToken::new());
    let options = embedded::Options { event_partitions: NonZeroU32::MIN, ..Default::default() };
    let log: Arc<dyn Log> = embedded::open(&folder.path().join("log"), options).unwrap();
    let generations = sqlite::generations(&folder.path().join("timeline.sqlite")).await.unwrap();
    let timeline = generations.open(Generation::FIRST).await.unwrap();
    let writing = tokio::spawn(write_on(Arc::clone(&log), timeline));
    let rooms: TopicPartition = PartitionId { topic: EventTopic::Rooms, number: 0 }.into();
    tokio::time::timeout(crate::world::PATIENCE, async {
        while log.end(rooms).await.unwrap() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();

    let read_model = Current::follow(generations, LEASE, &stop).await.unwrap();
    let asked = Rooms { read_model, log: Arc::clone(&log) };
    let world = World::new(CommandApi::new("http://127.0.0.1:1", Arc::new(Tokens(true))).unwrap(), asked, log);
    let user_id = id("ann");
    let process = Process::Deactivation(Deactivation::requested(&DeactivationRequested { user_id: user_id.clone() }));
    let run = Run::begin(SagaId::of_deactivation(&user_id), process, None, Timestamp::default());
    let known = world.attempt(&run, &Effect::AskRooms(user_id)).await;
    assert_eq!(known, Attempt::Known(Input::Rooms(Vec::new())));
    writing.abort();
    stop.cancel();
}
