//! A direct room is closed while one of its two people blocks the other, and open otherwise.
//!
//! ```text
//! blocked ───► close-room ─┬─ done ─► rests                     unblocked ─► reopen-room ─► rests
//!                          └─ no such room ─► wait ─► close-room ─► rests
//! ```
//!
//! One process for two people, as long as there are the two. It follows their relation: `blocked` and `unblocked` say what the room
//! should be. A step of unknown outcome is repeated until it is known before the room is turned the other way, so that a late "close"
//! cannot overtake an "open". Where there is no room yet, somebody may be making one who has not heard of the block: after the wait
//! nobody is.

use domain::ids::Pair;
use domain::relation::Event;
use domain::saga::{Outcome, Step};
use domain::{RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::{Effect, FACTS_STALE_AFTER_MS, Input};

/// What the room of two people should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DirectRoom {
    pair: Pair,
    /// Whether a block stands, as of the latest event.
    blocked: bool,
    /// Counts what has happened: a step carries it, so that closing again later is another command.
    occasion: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
enum Stage {
    Resting,
    /// Closing it for the first time, or after the wait.
    Closing {
        occasion: u64,
        waited: bool,
    },
    Reopening {
        occasion: u64,
    },
    Waiting,
}

impl DirectRoom {
    /// Two people between whom nothing stands.
    #[must_use]
    pub const fn of(pair: Pair) -> Self {
        Self { pair, blocked: false, occasion: 0, stage: Stage::Resting }
    }

    /// Which two.
    #[must_use]
    pub const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// In whose name the room is closed and reopened: always the same one of the two, so that it says nothing about who has blocked.
    pub(super) const fn actor(&self) -> &UserId {
        self.pair.both()[0]
    }

    /// Something happened between the two.
    pub fn related(&mut self, event: &Event) {
        self.blocked = match event {
            Event::Blocked(_) => true,
            Event::Unblocked(unblocked) => unblocked.still_blocked,
            Event::FriendRequested(_) | Event::FriendAccepted(_) | Event::FriendDeclined(_) | Event::FriendRemoved(_) => return,
        };
        self.occasion += 1;
        if matches!(self.stage, Stage::Resting | Stage::Waiting) {
            self.stage = self.turn(false);
        }
    }

    const fn turn(&self, waited: bool) -> Stage {
        let occasion = self.occasion;
        if self.blocked { Stage::Closing { occasion, waited } } else { Stage::Reopening { occasion } }
    }

    pub(super) fn react(&self) -> Option<Effect> {
        let [one, other] = self.pair.both();
        let room = RoomId::of_direct(one, other);
        match self.stage {
            Stage::Resting => None,
            Stage::Closing { occasion, .. } => Some(Effect::Take(Step::CloseRoom(room, occasion))),
            Stage::Reopening { occasion } => Some(Effect::Take(Step::ReopenRoom(room, occasion))),
            Stage::Waiting => Some(Effect::Wait(FACTS_STALE_AFTER_MS)),
        }
    }

    pub(super) fn evolve(&mut self, input: &Input) {
        self.stage = match (self.stage, input) {
            // What has happened meanwhile comes first.
            (
                Stage::Closing { occasion, .. } | Stage::Reopening { occasion },
                Input::Taken(Outcome::Done | Outcome::Refused(_)),
            ) if occasion < self.occasion => self.turn(false),
            (Stage::Closing { waited: false, .. }, Input::Taken(Outcome::Refused(_))) => Stage::Waiting,
            (Stage::Closing { .. } | Stage::Reopening { .. }, Input::Taken(Outcome::Done | Outcome::Refused(_))) => {
                Stage::Resting
            }
            (Stage::Waiting, Input::Waited) => {
                self.occasion += 1;
                self.turn(true)
            }
            (stage, _) => stage,
        };
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;
    use domain::relation::{Blocked, Step as Happened, Unblocked};
    use domain::saga::ReasonCode;

    use super::*;

    fn pair() -> Pair {
        Pair::of(&UserId::parse("ann").unwrap(), &UserId::parse("bob").unwrap()).unwrap()
    }
    fn step() -> Happened {
        let [by, other] = pair().both().map(Clone::clone);
        Happened { by, other, at: Timestamp::default() }
    }
    fn blocked() -> Event {
        Event::Blocked(Blocked { step: step(), mutual: false })
    }
    fn unblocked(still_blocked: bool) -> Event {
        Event::Unblocked(Unblocked { step: step(), still_blocked })
    }
    fn done() -> Input {
        Input::Taken(Outcome::Done)
    }
    fn no_room() -> Input {
        Input::Taken(Outcome::Refused(ReasonCode::parse("room-not-found").unwrap()))
    }
    fn wanted(process: &DirectRoom) -> Option<String> {
        process.react().map(|effect| match effect {
            Effect::Take(step) => step.name().split('/').next().unwrap().to_owned(),
            Effect::Wait(_) => "wait".to_owned(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_block_closes_and_the_last_unblock_reopens() {
        let mut process = DirectRoom::of(pair());
        process.related(&blocked());
        assert_eq!(wanted(&process).as_deref(), Some("close-room"));
        process.evolve(&done());
        assert_eq!(wanted(&process), None);
        process.related(&unblocked(true));
        assert_eq!(wanted(&process).as_deref(), Some("close-room"));
        process.evolve(&done());
        process.related(&unblocked(false));
        assert_eq!(wanted(&process).as_deref(), Some("reopen-room"));
    }

    #[test]
    fn an_unblock_waits_until_the_close_before_it_is_known() {
        let mut process = DirectRoom::of(pair());
        process.related(&blocked());
        process.related(&unblocked(false));
        process.evolve(&Input::Taken(Outcome::Unknown));
        assert_eq!(wanted(&process).as_deref(), Some("close-room"));
        process.evolve(&done());
        assert_eq!(wanted(&process).as_deref(), Some("reopen-room"));
        process.evolve(&done());
        assert_eq!(wanted(&process), None);
    }

    #[test]
    fn a_room_that_is_being_made_across_a_block_is_closed_a_moment_later() {
        let mut process = DirectRoom::of(pair());
        process.related(&blocked());
        let before = process.react();
        process.evolve(&no_room());
        assert_eq!(wanted(&process).as_deref(), Some("wait"));
        process.evolve(&Input::Waited);
        assert_eq!(wanted(&process).as_deref(), Some("close-room"));
        assert_ne!(process.react(), before, "another command: the first one was refused");
        process.evolve(&no_room());
        assert_eq!(wanted(&process), None);
    }

    #[test]
    fn an_unblock_ends_the_wait() {
        let mut process = DirectRoom::of(pair());
        process.related(&blocked());
        process.evolve(&no_room());
        process.related(&unblocked(false));
        assert_eq!(wanted(&process).as_deref(), Some("reopen-room"));
        process.evolve(&Input::Waited);
        process.evolve(&no_room());
        assert_eq!(wanted(&process), None);
    }
}
