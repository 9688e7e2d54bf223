//! A log that loses appends, loses reports, stores what it called failed, and delivers records of dead sessions late: what is
//! acknowledged is in the log, once, and when the log is well again, so is the node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use domain::envelope::Event;
use domain::{CommandId, StreamId, room};
use futures_util::future::join_all;
use infra::log::Log;
use infra::log::testing::{Faults, FaultyLog};

use crate::world::{World, fresh_id, send};

/// Messages of one run.
const MESSAGES: usize = 240;
/// Of a thousand appends: one in a hundred goes wrong in each way.
const BAD: Faults = Faults {
    without_offset: 50,
    stored_unconfirmed: 10,
    lost: 10,
    silent: 0,
    late: 10,
    full: 10,
    unreadable: 2,
    report_delay_max: Duration::from_millis(5),
};

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_log_does_an_acknowledged_command_is_effective_once() {
    for seed in [1, 2, 3] {
        println!("seed {seed}");
        run(seed).await;
    }
}

async fn run(seed: u64) {
    let world = World::new(1);
    let faulty = FaultyLog::new(Arc::clone(&world.log), seed).unwrap();
    let node = world.node_over("a", Arc::clone(&faulty) as Arc<dyn Log>).await;
    node.ready().await;
    node.register(&world, &["ann"]).await;
    let room = node.room(&world, "ann").await;
    let caller = world.caller("ann");

    faulty.set(BAD);
    let ids: Vec<CommandId> = (0..MESSAGES).map(|_| fresh_id()).collect();
    let mut answered = Vec::new();
    for (index, some) in ids.chunks(12).enumerate() {
        if index % 4 == 3 {
            faulty.deliver_late().await.unwrap();
        }
        answered.extend(join_all(some.iter().map(|id| node.execute(&caller, send(room, "ann", &id.to_string(), *id)))).await);
    }
    faulty.set(Faults::default());
    faulty.deliver_late().await.unwrap();
    // Whoever got no answer asks again, under the same id, as clients are told to.
    let again = join_all(ids.iter().map(|id| node.execute(&caller, send(room, "ann", &id.to_string(), *id)))).await;

    let mut effective = BTreeMap::new();
    let mut numbers = Vec::new();
    let mut epochs = BTreeSet::new();
    for event in world.effective().await.iter().filter(|event| event.stream == StreamId::Room(room)) {
        let Event::Room(room::Event::MessageSent(sent)) = &event.event else { continue };
        epochs.insert(event.metadata.epoch);
        numbers.push(sent.message.number);
        assert!(effective.insert(event.metadata.command_id, event.metadata.sequence).is_none(), "executed twice: {event:?}");
    }
    assert_eq!(numbers, (1..=MESSAGES as u64).collect::<Vec<_>>(), "each message once, in order");
    for ((id, first), again) in ids.iter().zip(answered).zip(again) {
        assert_eq!(Some(&again.unwrap().sequence), effective.get(id), "a repeat says where it is");
        if let Ok(outcome) = first {
            assert_eq!(
                Some(&outcome.sequence),
                effective.get(id),
                "what was acknowledged under faults is where it was said to be"
            );
        }
    }
    assert!(epochs.len() > 1, "no fault ended an epoch: the test proves nothing");
}
