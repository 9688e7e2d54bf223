//! A read model is rebuilt beside the live one: killed at each step, while writes and queries go on, paused, given up, and where
//! the two differ.

use std::sync::Arc;
use std::time::Duration;

use domain::ids::EventTopic;
use infra::read_model::generations::{Control, Current, Generation, Generations, LEASE, Stage as Step};
use infra::read_model::{Changes, Direction, MessageRow};
use projectors::Refusal;
use projectors::operations::{Error, Operations};
use projectors::rebuild::TIMELINE;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::generations::Mortal;
use crate::stage::{
    Owner, PATIENCE, READS, ROOMS, Running, Stage, append_read, created, id, moment, picture, room_id, sent, tell_story,
};

const ONE: Generation = Generation::FIRST;
const TWO: Generation = ONE.next();

/// Waits until the control document is as it should be.
async fn until(generations: &Arc<dyn Generations>, condition: impl Fn(&Control) -> bool) -> Control {
    let waiting = async {
        loop {
            let control = generations.control().await.unwrap().control;
            if condition(&control) {
                return control;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    waited.unwrap_or_else(|_| panic!("waited in vain"))
}

fn at(control: &Control, stage: Step) -> bool {
    control.rebuild.as_ref().is_some_and(|rebuild| rebuild.stage == stage)
}

fn done(control: &Control) -> bool {
    control.live == TWO && control.old.is_none() && control.dropping.is_empty()
}

/// Asks for whatever comes next, until the second generation is live and alone.
async fn rebuild_and_drop(operations: &Operations, generations: &Arc<dyn Generations>) {
    let control = generations.control().await.unwrap().control;
    if control.live == ONE && control.rebuild.is_none() {
        operations.rebuild(TIMELINE, true, "test").await.unwrap();
    }
    let control = until(generations, |control| control.live == TWO).await;
    if control.old.is_some() {
        operations.drop_old(TIMELINE, "test").await.unwrap();
    }
    until(generations, done).await;
}

/// Kills a rebuild at one step; says whether there was such a step.
async fn killed(stage: &Stage, reference: &str, step: u64, after: bool) -> bool {
    let name = format!("killed-{step}-{after}");
    let plain = stage.generations(&name).await;
    let mortal = Mortal::new(&plain);
    let watched: Arc<dyn Generations> = mortal.clone();
    let (running, operations) = Running::on(&stage.log, &watched).await;
    running.catch_up(&*stage.log).await;
    mortal.die_at(step, after);
    let struck = tokio::select! {
        _ = mortal.struck.acquire() => true,
        () = rebuild_and_drop(&operations, &plain) => false,
    };
    running.kill().await;

    // Whatever was half done: the one that is live is whole.
    let live = plain.control().await.unwrap().control.live;
    assert_eq!(picture(&*plain.open(live).await.unwrap()).await, reference, "{name}");
    let (running, operations) = Running::on(&stage.log, &plain).await;
    rebuild_and_drop(&operations, &plain).await;
    running.catch_up(&*stage.log).await;
    running.stop().await;
    assert_eq!(picture(&*plain.open(TWO).await.unwrap()).await, reference, "{name}");
    assert!(!stage.file(&format!("{name}.sqlite")).exists(), "{name}: the old one is still there");
    struck
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_every_step_one_generation_is_live_and_the_rebuild_goes_on() {
    const AT_ONCE: u64 = 3;
    let stage = Arc::new(Stage::new());
    tell_story(&*stage.log).await;
    let reference: Arc<str> = stage.projected("reference").await.into();
    let mut steps = 0;
    loop {
        let mut tasks = JoinSet::new();
        for step in steps..steps + AT_ONCE {
            for after in [false, true] {
                let (stage, reference) = (Arc::clone(&stage), Arc::clone(&reference));
                tasks.spawn(async move { killed(&stage, &reference, step, after).await });
            }
        }
        let struck = tasks.join_all().await;
        steps += AT_ONCE;
        // Until there is no such step any more: then all were tried.
        if struck.contains(&false) {
            break;
        }
    }
    assert!(steps > 9, "{steps} steps are no rebuild");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_and_queries_go_on_and_one_can_switch_back() {
    const BEFORE: u64 = 300;
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga", "mia"])).await;
    for number in 1..=BEFORE {
        owner.event(sent(1, number, "before", &[])).await;
    }
    let generations = stage.generations("busy").await;
    let (running, operations) = Running::on(&stage.log, &generations).await;
    let stop = CancellationToken::new();
    let writing = tokio::spawn({
        let stop = stop.clone();
        async move {
            let mut number = BEFORE;
            while !stop.is_cancelled() {
                number += 1;
                owner.event(sent(1, number, "meanwhile @mia", &["mia"])).await;
            }
            number
        }
    });
    let (showing, mut shown) = tokio::sync::watch::channel(ONE);
    let reading = tokio::spawn({
        let (generations, stop) = (Arc::clone(&generations), stop.clone());
        async move {
            let current = Current::follow(generations, LEASE, &stop).await.unwrap();
            let mut answers = 0_u64;
            while !stop.is_cancelled() {
                let opened = current.get().unwrap();
                let page = opened.timeline.messages(room_id(1), Direction::After(0), 10_000, &id("mia")).await.unwrap();
                let numbers: Vec<u64> = page.items.iter().map(|message| message.number).collect();
                assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "generation {}", opened.generation);
                if opened.generation == TWO {
                    assert!(numbers.len() as u64 >= BEFORE, "the new one was shown half built");
                }
                showing.send_replace(opened.generation);
                answers += 1;
            }
            answers
        }
    });
    operations.rebuild(TIMELINE, true, "test").await.unwrap();
    let refused = operations.rebuild(TIMELINE, true, "test").await;
    // Where it is done already, the old one stands in the way.
    assert!(matches!(refused, Err(Error::Refused(Refusal::UnderWay(TWO) | Refusal::OldKept(ONE)))), "{refused:?}");
    let control = until(&generations, |control| control.live == TWO).await;
    let verified = control.verified.unwrap();
    assert!(verified.same() && verified.tables.iter().any(|table| table.rows_new >= BEFORE), "{verified:?}");
    assert_eq!(control.old, Some(ONE));
    // Until readers have changed over, and further.
    tokio::time::timeout(PATIENCE, shown.wait_for(|generation| *generation == TWO)).await.unwrap().unwrap();
    let ends = stage.log.end(ROOMS).await.unwrap() + 200;
    let further =
        running.status.wait_for(|now| now.get(&ROOMS).and_then(|at| at.checkpoint).is_some_and(|at| at.next_offset > ends));
    tokio::time::timeout(PATIENCE, further).await.unwrap();

    operations.switch_back(TIMELINE, "test").await.unwrap();
    until(&generations, |control| control.live == ONE && control.old == Some(TWO)).await;
    stop.cancel();
    let (written, answers) = (writing.await.unwrap(), reading.await.unwrap());
    assert!(written > BEFORE + 200 && answers > 1, "{written} {answers}");
    running.catch_up(&*stage.log).await;
    let status = operations.projection(TIMELINE).await.unwrap();
    assert_eq!((status.live.generation, status.live.records_left), (ONE, 0));
    running.stop().await;

    let reference = stage.projected("reference").await;
    assert_eq!(picture(&*generations.open(ONE).await.unwrap()).await, reference, "the old one was fed on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_differs_waits_for_somebody_to_decide() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let generations = stage.generations("damaged").await;
    let (running, operations) = Running::on(&stage.log, &generations).await;
    running.catch_up(&*stage.log).await;
    // Somebody was in the database.
    let mut damage = Changes::default();
    let row = MessageRow {
        author: id("olga"),
        sent_at: moment(1),
        reply_to: None,
        text: Some("damaged".to_owned()),
        mentions: Vec::new(),
        edited_at: None,
        deleted_at: None,
        version: 1_000,
        is_new: false,
    };
    damage.messages.insert((room_id(1), 1), row);
    generations.open(ONE).await.unwrap().amend(&damage).await.unwrap();

    operations.rebuild(TIMELINE, true, "test").await.unwrap();
    let control = until(&generations, |control| at(control, Step::Differs)).await;
    let verification = control.rebuild.unwrap().verification.unwrap();
    let differing: Vec<_> = verification.tables.iter().filter(|table| !table.same).map(|table| table.table.as_str()).collect();
    assert_eq!((control.live, differing), (ONE, vec!["messages"]));
    let refused = operations.switch(TIMELINE, false, "test").await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Differs(TWO)))), "{refused:?}");
    operations.switch(TIMELINE, true, "test").await.unwrap();
    until(&generations, |control| control.live == TWO).await;
    running.stop().await;
    assert_eq!(picture(&*generations.open(TWO).await.unwrap()).await, stage.projected("reference").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_positions_do_not_go_back_though_compaction_kept_a_lower_one() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let generations = stage.generations("read").await;
    let (running, operations) = Running::on(&stage.log, &generations).await;
    // The higher one is applied, then superseded: two nodes raced.
    append_read(&*stage.log, room_id(2), "olga", Some(9)).await;
    running.catch_up(&*stage.log).await;
    append_read(&*stage.log, room_id(2), "olga", Some(4)).await;
    running.catch_up(&*stage.log).await;
    operations.rebuild(TIMELINE, true, "test").await.unwrap();
    let control = until(&generations, |control| control.live == TWO).await;
    let verified = control.verified.unwrap();
    assert!(verified.same() && verified.reads_taken_over > 0, "{verified:?}");
    running.stop().await;
    let live = generations.open(TWO).await.unwrap();
    assert_eq!(live.room_for(room_id(2), &id("olga")).await.unwrap().unwrap().viewer.read_number, 9);
    assert_eq!(live.checkpoint(READS).await.unwrap().next_offset, stage.log.end(READS).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_rests_goes_on_waits_for_the_word_and_is_given_up() {
    let stage = Stage::new();
    tell_story(&*stage.log).await;
    let generations = stage.generations("resting").await;
    let (running, operations) = Running::on(&stage.log, &generations).await;
    operations.rebuild(TIMELINE, false, "test").await.unwrap();
    let control = until(&generations, |control| at(control, Step::Verified)).await;
    assert_eq!((control.live, control.rebuild.unwrap().verification.unwrap().same()), (ONE, true));

    operations.pause(TIMELINE, "test").await.unwrap();
    let (live, resting) = (generations.open(ONE).await.unwrap(), generations.open(TWO).await.unwrap());
    let behind = async {
        loop {
            append_read(&*stage.log, room_id(1), "milo", Some(1)).await;
            running.catch_up(&*stage.log).await;
            if resting.checkpoint(READS).await.unwrap() != live.checkpoint(READS).await.unwrap() {
                break;
            }
        }
    };
    tokio::time::timeout(PATIENCE, behind).await.expect("it did not rest");
    assert!(operations.projection(TIMELINE).await.unwrap().rebuild.unwrap().progress.records_left > 0);
    operations.resume(TIMELINE, "test").await.unwrap();
    let there = async {
        while resting.checkpoint(READS).await.unwrap() != live.checkpoint(READS).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, there).await.expect("it did not go on");

    operations.abandon(TIMELINE, "test").await.unwrap();
    let control = until(&generations, |control| control.dropping.is_empty()).await;
    assert_eq!((control.live, control.rebuild, control.last), (ONE, None, TWO));
    assert!(!stage.file("resting.g2.sqlite").exists() && stage.file("resting.sqlite").exists());
    running.stop().await;
}
