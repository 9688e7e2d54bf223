//! An orchestrator over a log and a database in a folder, with a clock that goes on when nobody has anything to do but wait.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use domain::ids::{EventTopic, Pair, PartitionId};
use domain::saga::{Envelope, Message, Retry, SagaId};
use domain::wire::{Claim, Record};
use domain::{CommandHash, CommandId, Event, Metadata, StreamId, Timestamp, relation};
use infra::clock::Clock;
use infra::log::{Log, Topic, TopicPartition, embedded, partition_for};
use infra::saga_state::{self, Saga, SagaState};
use orchestrator::act::Act;
use orchestrator::learner::Learner;
use orchestrator::testing::{Killed, Moments};
use orchestrator::worker::Worker;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::system::System;

/// Generous: these machines are slow when everything runs at once.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Stands still, but for what the test says.
#[derive(Default)]
pub struct Steered(AtomicI64);

impl Clock for Steered {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub struct World {
    _folder: TempDir,
    pub log: Arc<dyn Log>,
    pub state: Arc<dyn SagaState>,
    pub system: Arc<System>,
    pub clock: Arc<Steered>,
}

impl World {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = embedded::Options { event_partitions: NonZeroU32::MIN, ..Default::default() };
        let log = embedded::open(&folder.path().join("log"), options).unwrap();
        let state = saga_state::open(&folder.path().join("sagas.sqlite")).await.unwrap();
        Self { _folder: folder, log, state, system: Arc::default(), clock: Arc::default() }
    }

    /// What auth-api says in the log.
    pub async fn ask(&self, saga: SagaId, message: Message) {
        let time = Timestamp::default();
        let record = Envelope { saga, time, causation_id: None, traceparent: None, message }.to_record();
        let to = partition_for(&*self.log, Topic::Sagas, &saga.to_string());
        self.log.producer().unwrap().append(to, record).unwrap().await.unwrap();
    }

    /// What happened between two people, as the owner of their partition writes it.
    pub async fn happened(&self, pair: &Pair, events: Vec<relation::Event>) {
        let (users, producer) = (PartitionId { topic: EventTopic::Users, number: 0 }, self.log.producer().unwrap());
        let claim = Claim { claim_id: Uuid::nil(), node: "a".to_owned(), url: String::new() };
        producer.append(users.into(), Record::of_claim(users, 1, &claim, Timestamp::default())).unwrap().await.unwrap();
        for (sequence, event) in (1..).zip(events) {
            let metadata = Metadata {
                id: domain::wire::event_id(users, 1, sequence),
                time: Timestamp::default(),
                epoch: 1,
                sequence,
                stream_version: sequence,
                command_id: CommandId::from_uuid(Uuid::from_u128(sequence.into())),
                command_hash: CommandHash::of(b""),
                actor: event.step().by.clone(),
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
            };
            let (stream, event) = (StreamId::Relation(pair.clone()), Event::Relation(event));
            let record = Record::of_event(&domain::Envelope { stream, metadata, event });
            producer.append(users.into(), record).unwrap().await.unwrap();
        }
    }

    /// Runs an orchestrator until all sagas are over or at rest, or it has died.
    pub async fn run(&self, moments: &Arc<Moments>) {
        let act = Arc::new(Killed { moments: Arc::clone(moments), inner: Arc::clone(&self.system) as Arc<dyn Act> });
        let state = Arc::new(Killed { moments: Arc::clone(moments), inner: Arc::clone(&self.state) });
        self.run_with(state, act, moments).await;
    }

    /// As [`Self::run`], with other ways to the world.
    pub async fn run_with(&self, state: Arc<dyn SagaState>, act: Arc<dyn Act>, moments: &Arc<Moments>) {
        // Whatever a process that was killed had leased is free again.
        self.clock.0.fetch_add(60_000, Ordering::SeqCst);
        let (due, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let learner = Learner {
            state: Arc::clone(&state),
            log: Arc::clone(&self.log),
            clock: Arc::clone(&clock),
            learnt: Arc::clone(&due),
        };
        let rung = Arc::clone(&due);
        let worker = Arc::new(Worker { state, act, clock, due, retry: Retry::STANDARD });
        let tasks = [tokio::spawn(learner.run(stop.clone())), tokio::spawn(worker.run(stop))];
        let settled = async {
            while !self.settled(&rung).await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, async {
            tokio::select! {
                () = settled => {}
                () = moments.died() => {}
            }
        })
        .await
        .expect("the sagas neither end nor rest");
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
    }

    /// Whether everything that was asked is learnt, and nothing is under way. Where all that is under way waits, time goes on.
    async fn settled(&self, rung: &Notify) -> bool {
        for topic in [Topic::Sagas, Topic::Users] {
            let of = TopicPartition { topic, partition: 0 };
            if self.state.checkpoint(of).await.unwrap().next_offset < self.log.end(of).await.unwrap() {
                return false;
            }
        }
        let (sagas, now) = (self.all().await, self.clock.now());
        if sagas.iter().all(|saga| saga.leased_until <= now)
            && let Some(next) = sagas.iter().filter_map(|saga| saga.due_at).min()
        {
            let wait_ms = next.as_millis() - now.as_millis();
            self.clock.0.fetch_add(wait_ms.max(0), Ordering::SeqCst);
            rung.notify_one();
        }
        sagas.iter().all(|saga| saga.due_at.is_none())
    }

    /// All sagas.
    pub async fn all(&self) -> Vec<Saga> {
        self.state.list(&saga_state::Filter::default(), None, 1_000).await.unwrap()
    }
}
