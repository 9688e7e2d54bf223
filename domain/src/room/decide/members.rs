//! Who is in a room, and as what.

use std::collections::BTreeSet;

use super::{Decided, Place, details};
use crate::command::{Decision, Facts};
use crate::ids::UserId;
use crate::room::{Event, Kind, MEMBERS_ADDED_MAX, MEMBERS_MAX, Member, MemberGone, MembersAdded, Refusal, Role};
use crate::time::Timestamp;

pub(super) fn add(place: &Place<'_>, users: &[UserId], joined_at: Option<Timestamp>, facts: &Facts) -> Decided {
    // Anybody may bring people into a room that they could walk into by themselves.
    place.ranked(if place.details.kind == Kind::Public { Role::Member } else { Role::Moderator })?;
    let new: BTreeSet<&UserId> = users.iter().filter(|user| !place.room.members.contains_key(*user)).collect();
    if new.is_empty() {
        return Ok(Decision::AlreadySo);
    }
    if new.len() > MEMBERS_ADDED_MAX {
        return Err(Refusal::TooManyAdded { users: new.len() });
    }
    room_for(place, new.len())?;
    details::may_be_brought_in(&new, facts)?;
    let joined_at = joined_at.unwrap_or(place.context.now);
    let plain = |user: &UserId| Member { user_id: user.clone(), role: Role::Member, joined_at };
    Ok(Decision::Event(Event::MembersAdded(MembersAdded { members: new.into_iter().map(plain).collect() })))
}

pub(super) fn join(place: &Place<'_>, joined_at: Option<Timestamp>) -> Decided {
    if place.membership.is_some() {
        return Ok(Decision::AlreadySo);
    }
    // Only public rooms let somebody in who is no member: the others were "not found" above.
    place.changeable()?;
    room_for(place, 1)?;
    let joined_at = joined_at.unwrap_or(place.context.now);
    Ok(Decision::Event(Event::MemberJoined(Member { user_id: place.context.actor.clone(), role: Role::Member, joined_at })))
}

/// The last owner must hand over first, or archive the room. This holds even when nobody else is left: a private room without
/// members could never be entered again, and a public one would have nobody to look after it, so that archiving is the one way
/// to end a room, and no room is ever empty.
pub(super) fn leave(place: &Place<'_>) -> Decided {
    let Some(member) = place.membership else { return Ok(Decision::AlreadySo) };
    place.changeable()?;
    place.not_direct()?;
    if place.is_last_owner(member) {
        return Err(Refusal::LastOwner);
    }
    Ok(Decision::Event(Event::MemberLeft(MemberGone { user_id: member.user_id.clone() })))
}

/// Moderators remove plain members, owners remove anybody else.
pub(super) fn remove(place: &Place<'_>, user: &UserId) -> Decided {
    let actor = place.ranked(Role::Moderator)?;
    if user == place.context.actor {
        return Err(Refusal::CannotRemoveOneself);
    }
    let Some(member) = place.room.members.get(user) else { return Ok(Decision::AlreadySo) };
    if actor.role != Role::Owner && member.role != Role::Member {
        return Err(Refusal::RoleRequired { role: Role::Owner });
    }
    Ok(Decision::Event(Event::MemberRemoved(MemberGone { user_id: user.clone() })))
}

pub(super) fn change_role(place: &Place<'_>, user: &UserId, role: Role) -> Decided {
    place.ranked(Role::Owner)?;
    let member = place.room.members.get(user).ok_or(Refusal::MemberNotFound)?;
    if member.role == role {
        return Ok(Decision::AlreadySo);
    }
    if place.is_last_owner(member) {
        return Err(Refusal::LastOwner);
    }
    Ok(Decision::Event(Event::RoleChanged(Member { role, ..member.clone() })))
}

fn room_for(place: &Place<'_>, new: usize) -> Result<(), Refusal> {
    if place.room.members.len().saturating_add(new) > MEMBERS_MAX { Err(Refusal::RoomFull) } else { Ok(()) }
}
