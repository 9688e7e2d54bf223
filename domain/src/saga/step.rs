//! How a step is taken: its name, what its answer means, and when it is tried again.

use std::borrow::Cow;

use super::ReasonCode;
use crate::ids::{RoomId, UserId};

/// One step of a saga: one command to one stream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Registration: `RegisterUser` on the internal listener of command-api.
    RegisterUser,
    /// Deactivation, first: the person's own stream says that it is over.
    DeactivateUser,
    /// Deactivation: the person leaves a room.
    LeaveRoom(RoomId),
    /// Deactivation: the last owner of a room makes somebody else owner.
    PromoteOwner(RoomId, UserId),
    /// Deactivation: the last owner of a room archives it, because nobody can take it over.
    ArchiveRoom(RoomId),
    /// A direct room: one of the two blocks the other. With the occasion, because it may happen again.
    CloseRoom(RoomId, u64),
    /// A direct room: no block is left.
    ReopenRoom(RoomId, u64),
}

impl Step {
    /// Its name within the saga: stable, because command ids are made of it.
    #[must_use]
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Self::RegisterUser => "register-user".into(),
            Self::LeaveRoom(room) => format!("leave-room/{room}").into(),
            Self::PromoteOwner(room, user) => format!("promote-owner/{room}/{user}").into(),
            Self::ArchiveRoom(room) => format!("archive-room/{room}").into(),
            Self::CloseRoom(room, occasion) => format!("close-room/{room}/{occasion}").into(),
            Self::ReopenRoom(room, occasion) => format!("reopen-room/{room}/{occasion}").into(),
            Self::DeactivateUser => "deactivate-user".into(),
        }
    }

    /// The codes by which the owner of the step's stream says "no" after having looked at its state. Nothing else is a refusal.
    #[must_use]
    pub const fn refusals(&self) -> &'static [&'static str] {
        match self {
            Self::RegisterUser => &["user-exists"],
            Self::LeaveRoom(_) => {
                &["room-not-found", "not-a-member", "member-not-found", "room-archived", "last-owner", "direct-room"]
            }
            Self::DeactivateUser => &["user-not-found"],
            Self::PromoteOwner(..) => {
                &["room-not-found", "not-a-member", "member-not-found", "room-archived", "role-required", "direct-room"]
            }
            Self::ArchiveRoom(_) => &["room-not-found", "not-a-member", "role-required", "direct-room"],
            Self::CloseRoom(..) | Self::ReopenRoom(..) => &["room-not-found", "not-direct"],
        }
    }
}

/// What is known after one attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is done, now or by an earlier attempt.
    Done,
    /// The owner says no, and no earlier attempt did it either: compensate, or go another way.
    Refused(ReasonCode),
    /// Nobody knows, or nothing was decided: try again with the same command id. Never compensate.
    Unknown,
}

impl Outcome {
    /// Reads the answer of an HTTP request that took `step`: its status, and the `code` of its problem if it is one.
    ///
    /// A refusal is what [`Step::refusals`] lists, and nothing else: any other 4xx (a token that is over, a body that an older node
    /// does not know, a key that belongs to another body) says nothing about what an earlier attempt has done.
    #[must_use]
    pub fn of_answer(step: &Step, status: u16, code: Option<&str>) -> Self {
        if matches!(status, 200..=299) {
            return Self::Done;
        }
        let refused = code.filter(|code| matches!(status, 400..=499) && step.refusals().contains(code));
        refused.and_then(|code| ReasonCode::parse(code).ok()).map_or(Self::Unknown, Self::Refused)
    }
}

/// When a step of unknown outcome is tried again: pauses double up to the longest one, and never end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The pause after the first attempt, in milliseconds.
    pub pause_ms_min: u32,
    /// The longest pause, in milliseconds.
    pub pause_ms_max: u32,
    /// How long after its first attempt a step counts as stuck and is shown to people, in milliseconds. It is tried all the same.
    pub stuck_after_ms: u32,
}

impl Retry {
    /// What every step has unless there is a reason.
    pub const STANDARD: Self = Self { pause_ms_min: 200, pause_ms_max: 30_000, stuck_after_ms: 60_000 };

    /// The longest pause before the next attempt, when `attempts` were made; the caller takes a random part of it, at least half.
    #[must_use]
    pub const fn pause_ms(self, attempts: u32) -> u32 {
        let doublings = attempts.saturating_sub(1);
        let doublings = if doublings < 31 { doublings } else { 31 };
        let pause = self.pause_ms_min.saturating_mul(1 << doublings);
        if pause < self.pause_ms_max { pause } else { self.pause_ms_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saga::SagaId;

    #[test]
    fn a_steps_command_is_the_same_in_every_attempt_and_no_other_steps() {
        let saga = SagaId::from_uuid(uuid::Uuid::from_u128(1));
        let room = |n| RoomId::from_uuid(uuid::Uuid::from_u128(n));
        let steps = [Step::RegisterUser, Step::LeaveRoom(room(1)), Step::LeaveRoom(room(2)), Step::DeactivateUser];
        let commands: std::collections::BTreeSet<_> = steps.iter().map(|step| saga.command(step)).collect();
        assert_eq!(commands.len(), steps.len());
        // Of saga and step alone, for ever: a command that was sent before an upgrade is recognised after it.
        assert_eq!(saga.command(&Step::RegisterUser).to_string(), "19e9a268-ecd2-5860-897b-9010b6acce25");
    }

    #[test]
    fn only_what_the_owner_decided_is_a_refusal() {
        let of = |status, code| Outcome::of_answer(&Step::RegisterUser, status, code);
        assert_eq!(of(201, None), Outcome::Done);
        assert_eq!(of(409, Some("user-exists")), Outcome::Refused(ReasonCode::parse("user-exists").unwrap()));
        for (status, code) in [
            (401, Some("token-expired")),
            (403, Some("not-allowed")),
            (404, Some("route-not-found")),
            (409, None),
            (422, Some("idempotency-key-reused")),
            (422, Some("value-invalid")),
            (429, Some("rate-limited")),
            (503, Some("outcome-unknown")),
            (500, Some("user-exists")),
            (302, None),
        ] {
            assert_eq!(of(status, code), Outcome::Unknown, "{status} {code:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses: Vec<_> = [0, 1, 2, 3, 8, 9, 40, u32::MAX].map(|attempts| Retry::STANDARD.pause_ms(attempts)).into();
        assert_eq!(pauses, [200, 200, 400, 800, 25_600, 30_000, 30_000, 30_000]);
    }
}
