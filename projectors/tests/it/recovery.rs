//! Killed anywhere, run twice, paused and taken for dead: the read model is the same.

use std::sync::Arc;

use domain::Cursor;
use domain::ids::EventTopic;
use domain::wire::Record;
use infra::read_model::{Checkpoint, Fault, Timeline};
use metrics_exporter_prometheus::PrometheusBuilder;

use crate::faulty::{Act, Faulty};
use crate::stage::{Owner, PATIENCE, ROOMS, Running, Stage, USERS, append_read, id, picture, room_id, sent, tell_story};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_batch_it_resumes_to_the_same_picture() {
    const BATCH: usize = 3;
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let reference = stage.projected("reference").await;
    assert!(reference.contains("said again") && !reference.contains("stale") && !reference.contains("to be deleted"));

    let mut batch = 0;
    let mut struck = true;
    // Until the batch at which to strike is beyond the last one: then every boundary was tried.
    while struck {
        for after in [false, true] {
            let name = format!("killed-{batch}-{after}");
            let timeline = stage.timeline(&name).await;
            let deadly = Faulty::new(&timeline, move |_, _, number| match (number == batch, after) {
                (false, _) => Act::Pass,
                (true, false) => Act::DieBefore,
                (true, true) => Act::DieAfter,
            });
            let watched: Arc<dyn Timeline> = deadly.clone();
            let running = Running::start(&stage.log, &watched, BATCH);
            struck = tokio::select! {
                _ = deadly.struck.acquire() => true,
                () = running.catch_up(&*stage.log) => false,
            };
            running.kill().await;
            let running = Running::start(&stage.log, &timeline, BATCH);
            running.catch_up(&*stage.log).await;
            running.stop().await;
            assert_eq!(picture(&*timeline).await, reference, "{name}");
        }
        batch += 1;
    }
    assert!(batch > 10, "{batch} batches are no test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_and_what_was_said_to_be_read_give_one_position() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    // Olga sent the messages 1 to 3 and said that she read up to 1; Mia sent none and said 2.
    for name in ["once", "again"] {
        stage.projected(name).await;
        let reads = stage.timeline(name).await.reads_of(room_id(1), 10).await.unwrap();
        assert_eq!(reads.iter().map(|read| (read.user.as_str(), read.number)).collect::<Vec<_>>(), [("mia", 2), ("olga", 3)]);
        let olga = stage.timeline(name).await.rooms_of(&id("olga"), None, 10).await.unwrap();
        assert!(olga.items.iter().all(|mine| mine.room.viewer.read_number == mine.room.last_number), "{olga:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_at_once_double_nothing() {
    let stage = Stage::new();
    let (one, other) = (stage.timeline("shared").await, stage.timeline("shared").await);
    let running = [Running::start(&stage.log, &one, 2), Running::start(&stage.log, &other, 3)];
    tell_story(&*stage.log).await;
    for running in running {
        running.catch_up(&*stage.log).await;
        running.stop().await;
    }
    assert_eq!(picture(&*one).await, stage.projected("reference").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_paused_and_replaced_loses_the_race() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let timeline = stage.timeline("shared").await;
    let zombie = Faulty::new(&timeline, |_, partition, _| if partition == ROOMS { Act::Pause } else { Act::Pass });
    let watched: Arc<dyn Timeline> = zombie.clone();
    let paused = Running::start(&stage.log, &watched, 4);
    zombie.struck.acquire().await.unwrap().forget();

    let successor = Running::start(&stage.log, &timeline, 1_000);
    successor.catch_up(&*stage.log).await;
    successor.stop().await;
    let expected = picture(&*timeline).await;
    zombie.gate.add_permits(1_000);
    paused.catch_up(&*stage.log).await;
    paused.stop().await;
    assert_eq!(picture(&*timeline).await, expected);
    assert_eq!(expected, stage.projected("reference").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let timeline = stage.timeline("away").await;
    let away = Faulty::new(&timeline, |_, _, batch| match batch % 4 {
        1 | 2 => Act::Fail(Fault::Unavailable("away".to_owned())),
        _ => Act::Pass,
    });
    let watched: Arc<dyn Timeline> = away.clone();
    let running = Running::start(&stage.log, &watched, 2);
    running.catch_up(&*stage.log).await;
    assert!(running.status.ready());
    running.stop().await;
    assert_eq!(picture(&*timeline).await, stage.projected("reference").await);

    let gone = Faulty::new(&stage.timeline("gone").await, |_, _, _| Act::Fail(Fault::Unavailable("gone".to_owned())));
    let watched: Arc<dyn Timeline> = gone.clone();
    let running = Running::start(&stage.log, &watched, 2);
    let told = running.status.wait_for(|partitions| partitions.values().filter(|progress| progress.fault.is_some()).count() == 3);
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert!(!running.status.ready());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checkpoint_passes_what_brings_no_rows() {
    let stage = Stage::new();
    let timeline = stage.timeline("empty").await;
    let running = Running::start(&stage.log, &timeline, 1_000);
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    for _ in 0..3 {
        owner.barrier().await;
    }
    owner.claim().await;
    let last = owner.raw(Record::default()).await;
    running.catch_up(&*stage.log).await;
    let expected = Checkpoint { next_offset: last + 1, cursor: Cursor { epoch: 2, sequence: 3 } };
    assert_eq!(timeline.checkpoint(ROOMS).await.unwrap(), expected);
    assert_eq!(timeline.checkpoint(USERS).await.unwrap(), Checkpoint::default());
    // A message that comes later is seen without anything else happening.
    owner.event(sent(1, 1, "at last", &[])).await;
    running.catch_up(&*stage.log).await;
    assert!(timeline.message(room_id(1), 1, &id("olga")).await.unwrap().is_some());
    running.stop().await;
}

/// On one thread, because the recorder of the metrics is the thread's own.
#[tokio::test]
async fn what_does_not_count_is_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _recording = metrics::set_default_local_recorder(&recorder);
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await; // a claim of epoch 1, which is over
    owner.epoch = 2;
    owner.sequence = 100;
    owner.event(sent(1, 9, "far ahead", &[])).await;
    append_read(&*stage.log, room_id(1), "nobody", None).await;
    stage.projected("counted").await;
    let page = recorder.handle().render();
    for (reason, count) in [("late-claim", 1), ("wrong-epoch", 2), ("out-of-sequence", 1), ("foreign", 1), ("malformed", 1)] {
        let line = format!("sarangbang_records_ignored_total{{reader=\"timeline\",reason=\"{reason}\"}} {count}\n");
        assert!(page.contains(&line), "{line}{page}");
    }
    assert!(page.contains("sarangbang_projector_checkpoint_offset{topic=\"rooms.v1\",partition=\"0\"}"), "{page}");
}
