//! Deactivation: auth-api has closed the account and ended the sessions; the log says so, and the person leaves every room.
//!
//! ```text
//! requested ─► deactivate-user ─► wait ─► which rooms? ─┬─ none ─► tell person-deactivated ─► completed
//!                                           ▲           └─ some ─► leave each ─┐
//!                                           └──────────────────────────────────┤ last owner
//!                                              leave again ◄─ promote ◄────────┴──► archive (no moderator)
//! ```
//!
//! The person's own stream comes first: from then on nobody can bring them into a room, once what others believe of them has become
//! stale. That is what the wait is for; without it, a room could be entered behind the saga's back. A direct room is not left: its two
//! people are fixed, and it stays for the other one to read. Which rooms there are says the read model once it knows all that the log
//! knew when it was asked.

use std::collections::BTreeSet;

use domain::saga::{DeactivationRequested, Message, Outcome, PersonDeactivated, Step};
use domain::{RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::{Effect, End, FACTS_STALE_AFTER_MS, Input};

/// One deactivation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deactivation {
    user_id: UserId,
    stage: Stage,
    /// Rooms that were dealt with. Some are still the person's: a direct room, an archived one.
    settled: BTreeSet<RoomId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Stage {
    Deactivating,
    Waiting,
    AskingRooms,
    Leaving { rooms: Vec<RoomId> },
    AskingHeir { rooms: Vec<RoomId> },
    Promoting { rooms: Vec<RoomId>, heir: UserId },
    Archiving { rooms: Vec<RoomId> },
    Telling,
    Over(End),
}

impl Deactivation {
    /// Begins.
    #[must_use]
    pub fn requested(request: &DeactivationRequested) -> Self {
        let user_id = request.user_id.clone();
        Self { user_id, stage: Stage::Deactivating, settled: BTreeSet::new() }
    }

    /// Who leaves.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    pub(super) fn react(&self) -> Option<Effect> {
        Some(match &self.stage {
            Stage::Deactivating => Effect::Take(Step::DeactivateUser),
            Stage::Waiting => Effect::Wait(FACTS_STALE_AFTER_MS),
            Stage::AskingRooms => Effect::AskRooms(self.user_id.clone()),
            Stage::Leaving { rooms } => Effect::Take(Step::LeaveRoom(*rooms.last()?)),
            Stage::AskingHeir { rooms } => Effect::AskHeir(*rooms.last()?, self.user_id.clone()),
            Stage::Promoting { rooms, heir } => Effect::Take(Step::PromoteOwner(*rooms.last()?, heir.clone())),
            Stage::Archiving { rooms } => Effect::Take(Step::ArchiveRoom(*rooms.last()?)),
            Stage::Telling => Effect::Tell(Message::PersonDeactivated(PersonDeactivated { user_id: self.user_id.clone() })),
            Stage::Over(_) => return None,
        })
    }

    pub(super) fn evolve(&mut self, input: &Input) {
        let next = match (&self.stage, input) {
            // Nobody of this id in the log (a registration that was never completed): nothing to leave.
            (Stage::Deactivating, Input::Taken(Outcome::Refused(_))) => Stage::Telling,
            (Stage::Deactivating, Input::Taken(Outcome::Done)) => Stage::Waiting,
            (Stage::Waiting, Input::Waited) => Stage::AskingRooms,
            (Stage::AskingRooms, Input::Rooms(rooms)) => self.found(rooms),
            (Stage::Leaving { rooms }, Input::Taken(Outcome::Refused(reason))) if reason.as_str() == "last-owner" => {
                Stage::AskingHeir { rooms: rooms.clone() }
            }
            // Left; or not to be left: a direct or archived room, one that was left before, one that is not there.
            (Stage::Leaving { rooms } | Stage::Archiving { rooms }, Input::Taken(Outcome::Done | Outcome::Refused(_))) => {
                let mut rooms = rooms.clone();
                self.settled.extend(rooms.pop());
                if rooms.is_empty() { Stage::AskingRooms } else { Stage::Leaving { rooms } }
            }
            (Stage::AskingHeir { rooms }, Input::Heir(Some(heir))) => {
                Stage::Promoting { rooms: rooms.clone(), heir: heir.clone() }
            }
            (Stage::AskingHeir { rooms }, Input::Heir(None)) => Stage::Archiving { rooms: rooms.clone() },
            // The heir may have gone meanwhile: leaving says what is so now.
            (Stage::Promoting { rooms, .. }, Input::Taken(Outcome::Done | Outcome::Refused(_))) => {
                Stage::Leaving { rooms: rooms.clone() }
            }
            (Stage::Telling, Input::Told) => Stage::Over(End::Completed),
            _ => return,
        };
        self.stage = next;
    }

    /// Which rooms are still to be left.
    fn found(&self, rooms: &[RoomId]) -> Stage {
        let rooms: Vec<RoomId> = rooms.iter().filter(|room| !self.settled.contains(room)).copied().collect();
        if rooms.is_empty() { Stage::Telling } else { Stage::Leaving { rooms } }
    }

    pub(super) const fn end(&self) -> Option<&End> {
        match &self.stage {
            Stage::Over(end) => Some(end),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::saga::ReasonCode;
    use uuid::Uuid;

    use super::*;

    fn ann() -> UserId {
        UserId::parse("ann").unwrap()
    }
    fn room(n: u128) -> RoomId {
        RoomId::from_uuid(Uuid::from_u128(n))
    }
    fn done() -> Input {
        Input::Taken(Outcome::Done)
    }
    fn refused(code: &str) -> Input {
        Input::Taken(Outcome::Refused(ReasonCode::parse(code).unwrap()))
    }

    /// Runs the process against a little world: how each effect is answered, in order. Gives the steps that were taken.
    fn played(answers: &[Input]) -> (Vec<String>, Deactivation) {
        let mut process = Deactivation::requested(&DeactivationRequested { user_id: ann() });
        let mut steps = Vec::new();
        for answer in answers {
            if let Some(Effect::Take(step)) = process.react() {
                steps.push(step.name().into_owned());
            }
            process.evolve(answer);
        }
        (steps, process)
    }

    #[test]
    fn the_person_goes_first_then_leaves_each_room_and_looks_again() {
        let (steps, process) = played(&[
            done(),
            Input::Waited,
            Input::Rooms(vec![room(1), room(2)]),
            done(),
            refused("direct-room"),
            Input::Rooms(vec![room(1)]),
            Input::Told,
        ]);
        let rooms = [room(2), room(1)].map(|room| format!("leave-room/{room}"));
        assert_eq!(steps, ["deactivate-user", &rooms[0], &rooms[1]]);
        assert_eq!(process.end(), Some(&End::Completed));
    }

    #[test]
    fn the_last_owner_hands_over_or_archives() {
        let begun = [done(), Input::Waited, Input::Rooms(vec![room(1)]), refused("last-owner")];
        let heir = UserId::parse("mona").unwrap();
        let (steps, _) = played(&[&begun[..], &[Input::Heir(Some(heir)), done(), done()]].concat());
        assert_eq!(steps[2..], [format!("promote-owner/{}/mona", room(1)), format!("leave-room/{}", room(1))]);
        let (steps, process) = played(&[&begun[..], &[Input::Heir(None), done()]].concat());
        assert_eq!(steps[2..], [format!("archive-room/{}", room(1))]);
        assert_eq!(process.react(), Some(Effect::AskRooms(ann())));
    }

    #[test]
    fn an_unknown_outcome_repeats_the_step_and_nothing_else() {
        let (_, before) = played(&[done(), Input::Waited, Input::Rooms(vec![room(1)])]);
        let mut after = before.clone();
        for input in [Input::Taken(Outcome::Unknown), Input::Told, Input::Waited, Input::Aborted] {
            after.evolve(&input);
        }
        assert_eq!(after, before);
    }

    #[test]
    fn a_room_that_somebody_brought_the_person_into_meanwhile_is_left_too() {
        let (steps, _) =
            played(&[done(), Input::Waited, Input::Rooms(vec![room(1)]), done(), Input::Rooms(vec![room(3)]), done()]);
        assert_eq!(steps[1..], [1, 3].map(|n| format!("leave-room/{}", room(n))));
    }
}
