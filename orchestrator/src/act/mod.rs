//! Carries out what a process wants: commands to command-api, messages into the log, questions to the read model.
//!
//! Every effect may be carried out any number of times: a command has the id of saga and step, a message the id of saga and type, and a
//! question changes nothing.

mod commands;
mod rooms;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use domain::saga::{Envelope, Message};
use infra::log::{Log, Producer, Topic, partition_for};
use infra::saga_state::Saga;

pub use commands::{CommandApi, NoClient};
pub use rooms::Rooms;

use crate::process::{Effect, Input};
use crate::run::Run;

/// What is known after one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// What became of it.
    Known(Input),
    /// Nothing was done, for this reason.
    NotMade(String),
    /// Nobody knows whether it was done.
    Unknown(String),
}

/// Carries out effects.
#[async_trait]
pub trait Act: Send + Sync + 'static {
    /// Makes one attempt at `effect`, which the process of `run` wants.
    async fn attempt(&self, run: &Run, effect: &Effect) -> Attempt;
}

/// The real world.
pub struct World {
    commands: CommandApi,
    rooms: Rooms,
    log: Arc<dyn Log>,
    producer: Mutex<Option<Arc<dyn Producer>>>,
}

impl World {
    /// Puts it together.
    #[must_use]
    pub fn new(commands: CommandApi, rooms: Rooms, log: Arc<dyn Log>) -> Self {
        Self { commands, rooms, log, producer: Mutex::default() }
    }

    async fn tell(&self, saga: &Saga, message: &Message) -> Attempt {
        let envelope = Envelope {
            saga: saga.id,
            // Of the step and not of the attempt: a message that is told twice is the same to the last byte.
            time: saga.step_begun_at,
            causation_id: saga.cause,
            traceparent: saga.traceparent.clone(),
            message: message.clone(),
        };
        let record = envelope.to_record();
        let to = partition_for(&*self.log, Topic::Sagas, &saga.id.to_string());
        let appending = match self.producer() {
            Ok(producer) => producer.append(to, record),
            Err(fault) => return Attempt::NotMade(fault.to_string()),
        };
        let told = match appending {
            Ok(appending) => appending.await.map(drop),
            Err(fault) => Err(fault),
        };
        match told {
            Ok(()) => Attempt::Known(Input::Told),
            Err(fault) => {
                // Its session may be over; the next attempt begins another one.
                self.producer.lock().unwrap_or_else(PoisonError::into_inner).take();
                Attempt::Unknown(fault.to_string())
            }
        }
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, infra::log::Fault> {
        let mut held = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none() {
            *held = Some(self.log.producer()?);
        }
        held.clone().ok_or_else(|| infra::log::Fault::Unavailable("there is no session".to_owned()))
    }
}

#[async_trait]
impl Act for World {
    async fn attempt(&self, run: &Run, effect: &Effect) -> Attempt {
        match effect {
            Effect::Take(step) => match run.process.ask(step) {
                Some(ask) => self.commands.take(&run.saga, step, ask).await,
                None => Attempt::NotMade(format!("no command takes the step {}", step.name())),
            },
            Effect::Tell(message) => self.tell(&run.saga, message).await,
            // It is due when the pause is over.
            Effect::Wait(_) => Attempt::Known(Input::Waited),
            Effect::AskRooms(user) => {
                self.rooms.of(user).await.map_or_else(Attempt::NotMade, |rooms| Attempt::Known(Input::Rooms(rooms)))
            }
            Effect::AskHeir(room, leaving) => {
                self.rooms.heir(*room, leaving).await.map_or_else(Attempt::NotMade, |heir| Attempt::Known(Input::Heir(heir)))
            }
        }
    }
}
