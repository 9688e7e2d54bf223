//! Parked events as an operator deals with them, also while a read model is rebuilt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use domain::ids::EventTopic;
use domain::wire::Record;
use infra::read_model::generations::{Control, Generation, Generations, Stage as Step};
use infra::read_model::{Changes, Fault};
use projectors::Refusal;
use projectors::operations::{Error, Operations};
use projectors::rebuild::TIMELINE;

use crate::faulty::Act;
use crate::generations::Planned;
use crate::stage::{Owner, PATIENCE, Running, Stage, created, edited, id, room_id, sent};

const ONE: Generation = Generation::FIRST;
const TWO: Generation = ONE.next();

async fn ids(operations: &Operations) -> Vec<String> {
    operations.parked(100).await.unwrap().items.iter().map(|entry| entry.id.to_string()).collect()
}

async fn until(generations: &Arc<dyn Generations>, condition: impl Fn(&Control) -> bool) {
    let waiting = async {
        while !condition(&generations.control().await.unwrap().control) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("waited in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_applies_what_is_missing_and_goes_back_to_nothing_older() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga", "mia"])).await;
    owner.event(sent(1, 1, "poison @mia", &["mia"])).await;
    let two = owner.event(sent(1, 2, "poison too", &[])).await;
    let refusing = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&refusing);
    let plan = move |_, changes: &Changes| {
        let poisoned = changes.messages.values().any(|row| row.text.as_deref().is_some_and(|text| text.contains("poison")));
        let refused = poisoned && still.load(Ordering::SeqCst);
        if refused { Act::Fail(Fault::Rejected("no poison here".to_owned())) } else { Act::Pass }
    };
    let generations: Arc<dyn Generations> = Arc::new(Planned { inner: stage.generations("picky").await, plan: Arc::new(plan) });
    let (running, operations) = Running::on(&stage.log, &generations).await;
    running.catch_up(&*stage.log).await;
    // Edited before the retry: the retry must not bring the old text back.
    owner.event(edited(1, 1, "cured", &["mia"])).await;
    running.catch_up(&*stage.log).await;

    let listed = operations.parked(1).await.unwrap();
    assert_eq!((listed.total, listed.items.len()), (2, 1));
    let shown = operations.parked_event(&format!("rooms.v1-0-{two}")).await.unwrap();
    assert_eq!(shown.value.unwrap()["personal"]["text"], "poison too");
    assert_eq!((shown.entry.error.as_str(), shown.entry.sequence), ("no poison here", 3));
    assert_eq!(shown.entry.event_type.as_deref(), Some("sarangbang.room.message-sent.v1"));
    for event in ids(&operations).await {
        operations.retry(&event, "test").await.unwrap();
        let again = operations.retry(&event, "test").await;
        assert!(matches!(again, Err(Error::Refused(Refusal::NotParked(_)))), "{again:?}");
    }
    assert_eq!(ids(&operations).await, Vec::<String>::new());
    running.stop().await;
    let timeline = stage.timeline("picky.sqlite").await;
    let one = timeline.message(room_id(1), 1, &id("mia")).await.unwrap().unwrap();
    assert_eq!((one.text.as_deref(), one.mentions.len(), one.version), (Some("cured"), 0, 4));
    let two = timeline.message(room_id(1), 2, &id("mia")).await.unwrap().unwrap();
    assert_eq!((two.text.as_deref(), two.version), (Some("poison too"), 3));
    assert_eq!(timeline.mentions_of(&id("mia"), None, 10).await.unwrap().items, []);

    // Applied after all: a rebuild that can apply them at once finds the same.
    refusing.store(false, Ordering::SeqCst);
    let (running, operations) = Running::on(&stage.log, &generations).await;
    operations.rebuild(TIMELINE, true, "test").await.unwrap();
    until(&generations, |control| control.live == TWO).await;
    assert!(operations.projection(TIMELINE).await.unwrap().verified.unwrap().same());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_lists_nothing_twice_and_brings_back_nothing_that_was_discarded() {
    let stage = Stage::new();
    let mut owner = Owner::of(&*stage.log, EventTopic::Rooms).await;
    owner.event(created(1, "hall", &["olga", "mia"])).await;
    let mut strange = Vec::new();
    for number in 1..=2 {
        // Effective, but of a type that a later version may know.
        let envelope = owner.next(sent(1, number, "unreadable", &[]));
        let mut record = Record::of_event(&envelope);
        for (_, value) in record.headers.iter_mut().filter(|(name, _)| name == "ce_type") {
            *value = b"sarangbang.room.dreamt-of.v1".to_vec();
        }
        strange.push(format!("rooms.v1-0-{}", owner.raw(record).await));
    }
    let generations = stage.generations("strange").await;
    let (running, operations) = Running::on(&stage.log, &generations).await;
    running.catch_up(&*stage.log).await;
    assert_eq!(ids(&operations).await, strange);
    operations.rebuild(TIMELINE, false, "test").await.unwrap();
    until(&generations, |control| control.rebuild.as_ref().is_some_and(|rebuild| rebuild.stage == Step::Verified)).await;
    let listed = operations.parked(100).await.unwrap();
    let both: Vec<_> = listed.items.iter().map(|entry| entry.generations.iter().copied().collect::<Vec<_>>()).collect();
    assert_eq!((ids(&operations).await, both), (strange.clone(), vec![vec![ONE, TWO]; 2]));

    let refused = operations.retry(&strange[0], "test").await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::StillRefused(_)))), "{refused:?}");
    operations.discard(&strange[0], "test").await.unwrap();
    operations.abandon(TIMELINE, "test").await.unwrap();
    until(&generations, |control| control.dropping.is_empty()).await;
    operations.rebuild(TIMELINE, true, "test").await.unwrap();
    until(&generations, |control| control.live > ONE).await;
    assert_eq!(ids(&operations).await, strange[1..]);
    for none in ["rooms.v1-0-999", "nonsense", &strange[0]] {
        let refused = operations.parked_event(none).await.map(|_| ());
        assert!(matches!(refused, Err(Error::Refused(Refusal::NotParked(_)))), "{none}: {refused:?}");
    }
    running.stop().await;
}
