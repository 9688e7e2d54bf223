//! The other services as far as sagas see them, in memory, deciding by the domain's own rules: command-api, which remembers every
//! command; the read model, which is always up to date; and `sagas.v1`. It is what stays when the orchestrator is killed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use domain::command::{Body, Context};
use domain::room::{self, Role, Room};
use domain::saga::{Message, Outcome, Step};
use domain::user::{self, User};
use domain::{CommandId, Decision, Refusal, RoomId, StreamId, Timestamp, UserId};
use infra::saga_state::Saga;
use orchestrator::act::{Act, Attempt};
use orchestrator::process::{Effect, Input};
use orchestrator::run::Run;

#[derive(Default)]
pub struct System(Mutex<State>);

#[derive(Default)]
pub struct State {
    pub users: BTreeMap<UserId, User>,
    pub rooms: BTreeMap<RoomId, Room>,
    /// How often each command has led to an event.
    pub executed: BTreeMap<CommandId, u32>,
    /// What was told in `sagas.v1`, each message once, as readers see it.
    pub told: BTreeMap<uuid::Uuid, Message>,
}

pub fn id(name: &str) -> UserId {
    UserId::parse(name).unwrap()
}

impl System {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    /// Makes a room as if it had always been there.
    pub fn room(&mut self, room: RoomId, event: &room::Event) {
        let stream = self.rooms.entry(room).or_default();
        let version = stream.version + 1;
        stream.evolve(event, version);
    }

    fn execute(&mut self, actor: &UserId, id: CommandId, stream: &StreamId, body: &Body) -> Result<(), Refusal> {
        if self.executed.contains_key(&id) {
            return Ok(());
        }
        let context = Context { actor, command: id, now: Timestamp::default() };
        let happened = match (stream, body) {
            (StreamId::User(user), Body::User(command)) => {
                let state = self.users.entry(user.clone()).or_default();
                let decided = user::decide(state, command, context)?;
                if let Decision::Event(event) = &decided {
                    state.evolve(event, state.version + 1, id);
                }
                matches!(decided, Decision::Event(_))
            }
            (StreamId::Room(room), Body::Room(command)) => {
                let state = self.rooms.entry(*room).or_default();
                let decided = room::decide(state, None, command, context)?;
                if let Decision::Event(event) = &decided {
                    state.evolve(event, state.version + 1);
                }
                matches!(decided, Decision::Event(_))
            }
            other => panic!("no saga asks for {other:?}"),
        };
        if happened {
            *self.executed.entry(id).or_default() += 1;
        }
        Ok(())
    }

    fn take(&mut self, run: &Run, step: &Step) -> Outcome {
        let ask = run.process.ask(step).unwrap();
        match self.execute(&ask.actor, run.saga.id.command(step), &ask.stream, &ask.body) {
            Ok(()) => Outcome::Done,
            Err(refusal) => Outcome::of_answer(step, 409, Some(refusal.code())),
        }
    }

    fn tell(&mut self, saga: &Saga, message: &Message) {
        let (time, message) = (saga.step_begun_at, message.clone());
        let envelope = domain::saga::Envelope { saga: saga.id, time, causation_id: None, traceparent: None, message };
        self.told.insert(envelope.id(), envelope.message);
    }

    /// The rooms that `user` is in.
    pub fn rooms_of(&self, user: &UserId) -> Vec<RoomId> {
        self.rooms.iter().filter(|(_, room)| room.members.contains_key(user)).map(|(id, _)| *id).collect()
    }

    fn heir(&self, room: RoomId) -> Option<UserId> {
        let moderators = self.rooms[&room].members.values().filter(|member| member.role == Role::Moderator);
        moderators.min_by_key(|member| member.joined_at).map(|member| member.user_id.clone())
    }
}

#[async_trait]
impl Act for System {
    async fn attempt(&self, run: &Run, effect: &Effect) -> Attempt {
        let mut state = self.state();
        Attempt::Known(match effect {
            Effect::Take(step) => Input::Taken(state.take(run, step)),
            Effect::Tell(message) => {
                state.tell(&run.saga, message);
                Input::Told
            }
            Effect::Wait(_) => Input::Waited,
            Effect::AskRooms(user) => Input::Rooms(state.rooms_of(user)),
            Effect::AskHeir(room, _) => Input::Heir(state.heir(*room)),
        })
    }
}
