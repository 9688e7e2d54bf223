//! One partition's write side: ownership, claim, pipeline, dedupe. The rules are numbered as in `docs/protocol.md`.
//!
//! * [`ownership`]: who may write, as a pure state machine over the log's acceptance rule;
//! * [`owner`]: the task that folds the partition, claims it, and runs the pipeline;
//! * [`decision`]: one command against the decided state: pure but for the look-ups;
//! * [`pending`]: what was handed to the log and waits to be effective, with the answers that wait for it, pure as well;
//! * [`answer`]: such an answer;
//! * [`streams`], [`dedupe`], [`seen`], [`rows`]: the folded state;
//! * [`pool`]: producer sessions.
//!
//! A command's way: decided on the state *with* everything in flight, appended without waiting, answered when the owner's own fold
//! of the log has accepted it, read back or reported to stand next. An answer without an event (a refusal, a repeat) waits for the next own record to be effective: a
//! barrier, when no event follows.

mod answer;
mod decision;
mod dedupe;
mod owner;
pub mod ownership;
pub mod pending;
mod pool;
mod rows;
mod seen;
mod streams;

use std::sync::Arc;

use domain::ids::Pair;
use domain::{Command, RoomId, UserId};
use tokio::sync::{mpsc, oneshot};

pub(crate) use owner::{Environment, Limits, PartitionOwner, Role};
pub(crate) use pool::ProducerPool;
pub(crate) use streams::CoolCache;

use crate::bus::{Fault, Outcome, Standing};

/// What can be asked of a partition's owner.
pub(crate) enum Request {
    /// Execute a command.
    Execute {
        /// The command; its caller's authority was checked.
        command: Arc<Command>,
        /// Gets the outcome once it is effective.
        reply: oneshot::Sender<Result<Outcome, Fault>>,
    },
    /// Which of these people exist and are active?
    ActiveUsers {
        /// Who.
        users: Vec<UserId>,
        /// Gets those who are.
        reply: oneshot::Sender<Result<Vec<UserId>, Fault>>,
    },
    /// Which of these pairs have a block between them?
    Blocked {
        /// Which pairs.
        pairs: Vec<Pair>,
        /// Gets those that have.
        reply: oneshot::Sender<Result<Vec<Pair>, Fault>>,
    },
    /// How does a person stand to a room?
    Standing {
        /// The room.
        room: RoomId,
        /// The person.
        user: UserId,
        /// Gets the standing; nothing when there is no such room.
        reply: oneshot::Sender<Result<Option<Standing>, Fault>>,
    },
}

impl Request {
    /// Answers with a fault.
    pub(crate) fn fail(self, fault: Fault) {
        // A receiver that is gone has stopped waiting; there is nobody to tell.
        match self {
            Self::Execute { reply, .. } => drop(reply.send(Err(fault))),
            Self::ActiveUsers { reply, .. } => drop(reply.send(Err(fault))),
            Self::Blocked { reply, .. } => drop(reply.send(Err(fault))),
            Self::Standing { reply, .. } => drop(reply.send(Err(fault))),
        }
    }
}

/// The way to a partition's owner task on this node.
#[derive(Clone)]
pub(crate) struct Handle {
    requests: mpsc::Sender<Request>,
}

impl Handle {
    /// Whether the task takes no more requests.
    pub(crate) fn is_closed(&self) -> bool {
        self.requests.is_closed()
    }

    /// Hands a request over, or gives it back with [`Fault::Busy`] when the queue is full.
    pub(crate) fn send(&self, request: Request) {
        if let Err(error) = self.requests.try_send(request) {
            match error {
                mpsc::error::TrySendError::Full(request) => request.fail(Fault::Busy),
                // The task has ended: dropping the request closes its reply, which the bus reads as "ask again".
                mpsc::error::TrySendError::Closed(_) => {}
            }
        }
    }
}
