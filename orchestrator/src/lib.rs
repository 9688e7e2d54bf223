//! The orchestrator: sagas, which are what takes several steps in several services. Events and messages of the log in, commands out.
//!
//! A saga has one run for each thing that is to be done ([`run::Run`]): a row with what its process manager remembers, kept in a database
//! of its own (`infra::saga_state`). [`learner`] begins and changes runs by what the log says; [`worker`] carries out what they want,
//! one effect at a time, and stores what became of it before it looks at the next.
//!
//! What holds whatever crashes when:
//! * a step is one command with one id, that of saga and step, in every attempt: it happens once or never;
//! * a time-out is an outcome that nobody knows. It repeats the step until the outcome is known, and never compensates;
//! * a run ends in exactly one way, and tells it in `sagas.v1`.
//!
//! | saga | begins by | steps | ends |
//! |---|---|---|---|
//! | [`process::Registration`] | `registration-requested`, by auth-api | register the person | `person-registered`, or `registration-refused` |
//! | [`process::Deactivation`] | `deactivation-requested`, by auth-api | the person's stream, then every room | `person-deactivated` |
//! | [`process::DirectRoom`] | the first block between two people | close and reopen their room | never |
//!
//! # How to add a saga
//!
//! 1. What it is asked by and what it tells: messages in `domain/src/saga/message.rs`. Its id: `SagaId` in `id.rs` there, derived from what
//!    makes it one, so that what is asked twice is begun once.
//! 2. Its steps: variants of `domain::saga::Step`, with the codes that are refusals. A step that may be needed again carries what tells the
//!    occasions apart, because its name makes the command's id.
//! 3. Its process manager: a file in `process/`, pure. A stage is what has been done; `react` gives the one effect that a stage wants, `evolve`
//!    moves on by what became of it, and by nothing else. Say in a drawing at the head what leads where, and test each arrow.
//! 4. Its variant in [`process::Process`], and the command of each step in `process/ask.rs`; what a service may do in whose name is
//!    decided in `domain/src/command/authority.rs`.
//! 5. What begins it: a line in `lesson.rs`.
//! 6. An effect that no saga wanted yet: `process::Effect`, and how it is carried out in `act/`. It must be repeatable.
//! 7. Its row in the table above. Nothing else: storing, repeating, watching and counting are the same for all.
//!
//! Administrators watch, retry and abort through [`http`].
//!
//! Deliberately absent: a step that takes two commands, a lock over two services, a time-out that decides anything.

pub mod act;
pub mod http;
pub mod learner;
pub mod lesson;
pub mod process;
pub mod run;
pub mod testing;
mod upkeep;
pub mod worker;

use std::sync::Arc;

use domain::saga::Retry;
use infra::clock::Clock;
use infra::log::Log;
use infra::read_model::generations::Current;
use infra::saga_state::SagaState;
use infra::tokens::{ServiceTokens, Verifier};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::act::{CommandApi, NoClient, Rooms, World};
use crate::learner::Learner;
use crate::upkeep::Upkeep;
use crate::worker::Worker;

/// The name in the orchestrator's tokens.
pub const SERVICE: &str = "orchestrator";

/// What the orchestrator works with.
pub struct Ports {
    /// Where sagas are kept.
    pub state: Arc<dyn SagaState>,
    /// Where they learn from and tell.
    pub log: Arc<dyn Log>,
    /// Where it stands which rooms there are.
    pub read_model: Current,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Its own tokens.
    pub tokens: Arc<dyn ServiceTokens>,
}

/// All of it.
pub struct Orchestrator {
    learner: Learner,
    worker: Arc<Worker>,
    upkeep: Upkeep,
}

impl Orchestrator {
    /// Sends commands to the internal listener of a command-api at `command_api_url`.
    ///
    /// # Errors
    /// [`NoClient`], which would be a defect.
    pub fn new(command_api_url: &str, ports: Ports) -> Result<Self, NoClient> {
        let Ports { state, log, read_model, clock, tokens } = ports;
        let due = Arc::new(Notify::new());
        let commands = CommandApi::new(command_api_url, tokens)?;
        let rooms = Rooms { read_model, log: Arc::clone(&log) };
        let worker = Worker {
            state: Arc::clone(&state),
            act: Arc::new(World::new(commands, rooms, Arc::clone(&log))),
            clock: Arc::clone(&clock),
            due: Arc::clone(&due),
            retry: Retry::STANDARD,
        };
        let upkeep = Upkeep { state: Arc::clone(&state), clock: Arc::clone(&clock), retry: Retry::STANDARD };
        Ok(Self { learner: Learner { state, log, clock, learnt: due }, worker: Arc::new(worker), upkeep })
    }

    /// What the routes for administrators work with.
    #[must_use]
    pub fn parts(&self, verifier: Arc<Verifier>) -> http::Parts {
        let Worker { state, clock, due, retry, .. } = &*self.worker;
        http::Parts { state: Arc::clone(state), verifier, clock: Arc::clone(clock), due: Arc::clone(due), retry: *retry }
    }

    /// Works until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let Self { learner, worker, upkeep } = self;
        tokio::join!(learner.run(stop.clone()), worker.run(stop.clone()), upkeep.run(stop));
    }
}
