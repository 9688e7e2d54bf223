//! Process managers, pure: what a saga remembers (`evolve`) and what it does next (`react`). No I/O, no clock, no randomness.
//!
//! A process has one effect at a time. The worker carries it out, tells the process what became of it ([`Input`]), and stores the
//! process before it looks at the next one. So a crash anywhere repeats at most one effect, and every effect may be repeated: a step
//! has the same command id in every attempt, a message the same id, and a question changes nothing.

mod ask;
mod deactivation;
mod direct_room;
mod registration;

use domain::saga::{Message, Outcome, ReasonCode, Step};
use domain::{RoomId, UserId};
use serde::{Deserialize, Serialize};

pub use ask::Ask;
pub use deactivation::Deactivation;
pub use direct_room::DirectRoom;
pub use registration::Registration;

/// How long others may still act on a fact that has changed, such as "is active", in milliseconds: the age of such a fact (5 s) and the
/// longest time that a command which rests on it may take (10 s), with a margin.
const FACTS_STALE_AFTER_MS: u32 = 16_000;

/// One run of one kind of saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Process {
    /// Somebody becomes a person of the system.
    Registration(Registration),
    /// Somebody leaves for good.
    Deactivation(Deactivation),
    /// A direct room is kept as its two people's blocks want it.
    DirectRoom(DirectRoom),
}

/// What a process learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The step that it asked for has this outcome.
    Taken(Outcome),
    /// The message that it wanted told is in the log.
    Told,
    /// The pause that it asked for is over.
    Waited,
    /// The rooms that the person is in.
    Rooms(Vec<RoomId>),
    /// Who should take the room over: the longest-serving moderator, if there is one.
    Heir(Option<UserId>),
    /// An administrator gives up on it.
    Aborted,
}

/// What a process wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Take this step, with the command id of saga and step.
    Take(Step),
    /// Tell this in `sagas.v1`.
    Tell(Message),
    /// Wait so many milliseconds.
    Wait(u32),
    /// Find out which rooms the person is in.
    AskRooms(UserId),
    /// Find out who could take the room over from its last owner.
    AskHeir(RoomId, UserId),
}

impl Effect {
    /// Its name, for people: that of the step, or what else is done.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Take(step) => step.name().into_owned(),
            Self::Tell(message) => format!("tell/{}", message.type_name()),
            Self::Wait(_) => "wait".to_owned(),
            Self::AskRooms(_) => "ask-rooms".to_owned(),
            Self::AskHeir(room, _) => format!("ask-heir/{room}"),
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum End {
    /// All of it is done.
    Completed,
    /// It was refused, and what it had begun is taken back.
    Compensated(ReasonCode),
    /// An administrator gave up on it.
    Aborted,
}

impl Process {
    /// All kinds.
    pub const KINDS: [&'static str; 3] = ["registration", "deactivation", "direct-room"];

    /// The kind, as people and metrics name it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Registration(_) => Self::KINDS[0],
            Self::Deactivation(_) => Self::KINDS[1],
            Self::DirectRoom(_) => Self::KINDS[2],
        }
    }

    /// Whom it is about, as people look for it: a user id, or two with a colon between them.
    #[must_use]
    pub fn subject(&self) -> String {
        match self {
            Self::Registration(process) => process.user_id().to_string(),
            Self::Deactivation(process) => process.user_id().to_string(),
            Self::DirectRoom(process) => process.pair().to_string(),
        }
    }

    /// What to do next; nothing when it is over, or waits for something to happen in the log.
    #[must_use]
    pub fn react(&self) -> Option<Effect> {
        match self {
            Self::Registration(process) => process.react(),
            Self::Deactivation(process) => process.react(),
            Self::DirectRoom(process) => process.react(),
        }
    }

    /// Remembers what became of the effect that [`Self::react`] gave. An input that does not answer the present effect changes
    /// nothing: it comes from an attempt that was overtaken.
    pub fn evolve(&mut self, input: &Input) {
        match self {
            Self::Registration(process) => process.evolve(input),
            Self::Deactivation(process) => process.evolve(input),
            Self::DirectRoom(process) => process.evolve(input),
        }
    }

    /// How it ended, if it did. A direct room's process never ends: it waits for the next block.
    #[must_use]
    pub const fn end(&self) -> Option<&End> {
        match self {
            Self::Registration(process) => process.end(),
            Self::Deactivation(process) => process.end(),
            Self::DirectRoom(_) => None,
        }
    }

    /// The command that takes `step`; nothing for a step that is none of this process's.
    #[must_use]
    pub fn ask(&self, step: &Step) -> Option<Ask> {
        Ask::of(self, step)
    }

    /// Whether an administrator may give up on it now, provided no attempt of unknown outcome was made.
    #[must_use]
    pub const fn may_be_aborted(&self) -> bool {
        match self {
            Self::Registration(process) => process.may_be_aborted(),
            // Half of a departure must not stay half, and a room must become what the blocks say.
            Self::Deactivation(_) | Self::DirectRoom(_) => false,
        }
    }
}
