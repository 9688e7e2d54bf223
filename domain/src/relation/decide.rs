//! What two people may do to each other.

use super::{Blocked, Command, Event, Friendship, Refusal, Relation, Step, Unblocked};
use crate::command::{Context, Decision, Facts};
use crate::ids::{Pair, UserId};

/// What every decision here comes to.
type Decided = Result<Decision<Event>, Refusal>;

/// Decides `command` on the relation of `pair` as it is.
///
/// Whoever blocks may still be asked nothing, and may ask nothing, until the block is taken back; that somebody is blocked is told
/// to both in the same words, so that the refusal does not say who did it.
///
/// # Errors
/// A [`Refusal`], which leaves no event.
pub fn decide(relation: &Relation, pair: &Pair, command: &Command, context: Context<'_>) -> Decided {
    let other = pair.other(context.actor).ok_or(Refusal::NotOneOfTheTwo)?;
    let step = || Step { by: context.actor.clone(), other: other.clone(), at: context.now };
    match command {
        Command::Befriend { facts } => befriend(relation, other, facts, step),
        Command::Unfriend => Ok(match &relation.friendship {
            Friendship::None => Decision::AlreadySo,
            Friendship::RequestedBy(_) => Decision::Event(Event::FriendDeclined(step())),
            Friendship::Friends => Decision::Event(Event::FriendRemoved(step())),
        }),
        Command::Block { .. } if relation.blocked_by.contains(context.actor) => Ok(Decision::AlreadySo),
        Command::Block { facts } => {
            exists(relation, other, facts)?;
            Ok(Decision::Event(Event::Blocked(Blocked { step: step(), mutual: relation.is_blocked() })))
        }
        Command::Unblock if !relation.blocked_by.contains(context.actor) => Ok(Decision::AlreadySo),
        Command::Unblock => {
            let still_blocked = relation.blocked_by.contains(other);
            Ok(Decision::Event(Event::Unblocked(Unblocked { step: step(), still_blocked })))
        }
    }
}

fn befriend(relation: &Relation, other: &UserId, facts: &Facts, step: impl FnOnce() -> Step) -> Decided {
    if relation.is_blocked() {
        return Err(Refusal::Blocked);
    }
    if relation.friendship == Friendship::Friends {
        return Ok(Decision::AlreadySo);
    }
    if !facts.active_users.contains(other) {
        return Err(Refusal::PersonNotFound);
    }
    Ok(match &relation.friendship {
        Friendship::RequestedBy(asked) if asked == other => Decision::Event(Event::FriendAccepted(step())),
        Friendship::RequestedBy(_) => Decision::AlreadySo,
        Friendship::None | Friendship::Friends => Decision::Event(Event::FriendRequested(step())),
    })
}

/// Refuses a person of whom nobody ever heard. Who has left for good may be blocked if there was something between the two.
fn exists(relation: &Relation, other: &UserId, facts: &Facts) -> Result<(), Refusal> {
    if relation.version > 0 || facts.active_users.contains(other) { Ok(()) } else { Err(Refusal::PersonNotFound) }
}
