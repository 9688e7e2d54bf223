//! A stand-in for command-api and the orchestrator: it takes what stands in `sagas.v1`, and writes `users.v1` as their owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::ids::{CommandHash, EventTopic, PartitionId};
use domain::saga::{
    Envelope as Said, Message, PersonDeactivated, PersonRegistered, ReasonCode, RegistrationRefused, SagaId, Step,
};
use domain::text::{StatusText, UserName};
use domain::user::{Deactivated, Event, Profile, ProfilePersonal};
use domain::wire::{Claim, Record, event_id};
use domain::{CommandId, Envelope, Metadata, StreamId, Timestamp, UserId};
use infra::clock::{Clock, SystemClock};
use infra::log::{Log, Producer, Topic, TopicPartition, partition_for};
use tokio::sync::watch;

/// What the chat knows.
pub struct Chat {
    log: Arc<dyn Log>,
    producer: Arc<dyn Producer>,
    state: Mutex<State>,
    /// While it is set, messages wait.
    pub held: watch::Sender<bool>,
    /// Copies of requests that were taken before.
    pub copies: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// Who is registered, and by which command.
    registered: BTreeMap<UserId, CommandId>,
    sequences: BTreeMap<u32, u64>,
    heard: BTreeSet<uuid::Uuid>,
}

impl Chat {
    /// Claims all partitions of users and begins to listen.
    pub async fn start(log: Arc<dyn Log>) -> Arc<Self> {
        let producer = log.producer().unwrap();
        for number in 0..log.partitions(Topic::Users).get() {
            let partition = PartitionId { topic: EventTopic::Users, number };
            let claim = Claim { claim_id: infra::random::uuid_v4(), node: "chat".to_owned(), url: String::new() };
            let record = Record::of_claim(partition, 1, &claim, Timestamp::default());
            producer.append(partition.into(), record).unwrap().await.unwrap();
        }
        let (held, copies) = Default::default();
        let chat = Arc::new(Self { log, producer, state: Mutex::default(), held, copies });
        tokio::spawn(Arc::clone(&chat).listen());
        chat
    }

    async fn listen(self: Arc<Self>) {
        let mut tail = self.log.tail(TopicPartition { topic: Topic::Sagas, partition: 0 }, 0).await.unwrap();
        loop {
            for stored in tail.next(10, Duration::from_secs(1)).await.unwrap() {
                self.held.subscribe().wait_for(|held| !held).await.unwrap();
                self.take(Said::of_record(&stored.record).unwrap()).await;
            }
        }
    }

    async fn take(&self, said: Said) {
        // Its own answers stand in the topic too, and a copy of a request has a copy of the answer.
        let asked = matches!(said.message, Message::RegistrationRequested(_) | Message::DeactivationRequested(_));
        if asked && !self.state.lock().unwrap().heard.insert(said.id()) {
            self.copies.fetch_add(1, Ordering::SeqCst);
        }
        // A copy is done again all the same: each step is idempotent.
        let answer = match &said.message {
            Message::RegistrationRequested(asked) => {
                let (user_id, name) = (asked.user_id.clone(), asked.personal.user_name.clone());
                if self.register(&user_id, name, said.saga.command(&Step::RegisterUser)).await {
                    Message::PersonRegistered(PersonRegistered { user_id })
                } else {
                    let reason = ReasonCode::parse("user-exists").unwrap();
                    Message::RegistrationRefused(RegistrationRefused { user_id, reason })
                }
            }
            Message::DeactivationRequested(asked) => {
                let user_id = asked.user_id.clone();
                self.event(&user_id, said.saga.command(&Step::DeactivateUser), 2, gone()).await;
                Message::PersonDeactivated(PersonDeactivated { user_id })
            }
            _ => return,
        };
        self.say(said.saga, answer, said.id()).await;
    }

    /// Registers somebody; not where somebody else has the id.
    pub async fn register(&self, user: &UserId, user_name: UserName, command: CommandId) -> bool {
        let known = self.state.lock().unwrap().registered.get(user).copied();
        if let Some(by) = known {
            return by == command;
        }
        let personal = ProfilePersonal { user_name, status_text: StatusText::default() };
        let profile = Profile { registered_at: Timestamp::default(), personal };
        self.event(user, command, 1, Event::Registered(profile)).await;
        self.state.lock().unwrap().registered.insert(user.clone(), command);
        true
    }

    async fn event(&self, user: &UserId, command_id: CommandId, stream_version: u64, event: Event) {
        let to = partition_for(&*self.log, Topic::Users, user.as_str());
        let partition = PartitionId { topic: EventTopic::Users, number: to.partition };
        let sequence = {
            let mut state = self.state.lock().unwrap();
            let sequence = state.sequences.entry(to.partition).or_default();
            *sequence += 1;
            *sequence
        };
        let metadata = Metadata {
            id: event_id(partition, 1, sequence),
            time: SystemClock.now(),
            epoch: 1,
            sequence,
            stream_version,
            command_id,
            command_hash: CommandHash::of(b"test"),
            actor: user.clone(),
            correlation_id: command_id.as_uuid(),
            causation_id: None,
            traceparent: None,
        };
        let envelope = Envelope { stream: StreamId::User(user.clone()), metadata, event: domain::Event::User(event) };
        self.producer.append(to, Record::of_event(&envelope)).unwrap().await.unwrap();
    }

    async fn say(&self, saga: SagaId, message: Message, cause: uuid::Uuid) {
        let said = Said { saga, time: SystemClock.now(), causation_id: Some(cause), traceparent: None, message };
        let to = TopicPartition { topic: Topic::Sagas, partition: 0 };
        self.producer.append(to, said.to_record()).unwrap().await.unwrap();
    }
}

fn gone() -> Event {
    Event::Deactivated(Deactivated { deactivated_at: Timestamp::default() })
}
