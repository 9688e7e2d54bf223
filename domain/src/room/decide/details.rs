//! Creating a room, and changing what it is.

use std::collections::BTreeSet;

use super::{Decided, Place};
use crate::command::{Context, Decision, Facts};
use crate::ids::UserId;
use crate::room::{Details, DetailsPersonal, Event, Kind, MEMBERS_ADDED_MAX, Member, Refusal, Role, Room, RoomCreated, Status};
use crate::text::{RoomName, Topic};
use crate::time::Timestamp;

/// What [`crate::room::Command::Create`] asks for.
pub(super) struct Creation<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a Option<RoomName>,
    pub(super) topic: &'a Option<Topic>,
    pub(super) members: &'a [UserId],
    pub(super) created_at: Option<Timestamp>,
    pub(super) facts: &'a Facts,
}

pub(super) fn create(room: &Room, wish: &Creation<'_>, context: Context<'_>) -> Decided {
    if room.details.is_some() {
        return create_again(room, context);
    }
    let others: BTreeSet<&UserId> = wish.members.iter().filter(|user| *user != context.actor).collect();
    match wish.kind {
        Kind::Direct if others.len() != 1 => return Err(Refusal::DirectNeedsOneOther),
        Kind::Direct if wish.name.is_some() || wish.topic.as_ref().is_some_and(|topic| !topic.as_str().is_empty()) => {
            return Err(Refusal::DirectHasNoName);
        }
        Kind::Public | Kind::Private if wish.name.is_none() => return Err(Refusal::NameRequired),
        _ => {}
    }
    if others.len() > MEMBERS_ADDED_MAX {
        return Err(Refusal::TooManyAdded { users: others.len() });
    }
    may_be_brought_in(&others, wish.facts)?;

    let at = wish.created_at.unwrap_or(context.now);
    // In a direct room both are plain members: there is nothing to own, since nothing about it can change.
    let creator = if wish.kind == Kind::Direct { Role::Member } else { Role::Owner };
    let mut members = vec![Member { user_id: context.actor.clone(), role: creator, joined_at: at }];
    members.extend(others.into_iter().map(|user| Member { user_id: user.clone(), role: Role::Member, joined_at: at }));
    let details = Details {
        kind: wish.kind,
        status: Status::Open,
        created_by: context.actor.clone(),
        created_at: at,
        personal: DetailsPersonal { name: wish.name.clone(), topic: wish.topic.clone().unwrap_or_default() },
    };
    Ok(Decision::Event(Event::Created(RoomCreated { details, members })))
}

/// The room is there. Either of the two people of a direct room gets it back, and so does the creator of any other, whose repeat
/// comes after the idempotency window (room ids are derived from the command's id).
fn create_again(room: &Room, context: Context<'_>) -> Decided {
    let place = Place::enter(room, context)?;
    if place.details.kind == Kind::Direct || place.details.created_by == *context.actor {
        Ok(Decision::AlreadySo)
    } else {
        Err(Refusal::RoomExists)
    }
}

pub(super) fn rename(place: &Place<'_>, name: &RoomName) -> Decided {
    place.ranked(Role::Moderator)?;
    if place.details.personal.name.as_ref() == Some(name) {
        return Ok(Decision::AlreadySo);
    }
    let mut details = place.details.clone();
    details.personal.name = Some(name.clone());
    Ok(Decision::Event(Event::Renamed(details)))
}

pub(super) fn set_topic(place: &Place<'_>, topic: &Topic) -> Decided {
    place.ranked(Role::Moderator)?;
    if place.details.personal.topic == *topic {
        return Ok(Decision::AlreadySo);
    }
    let mut details = place.details.clone();
    details.personal.topic = topic.clone();
    Ok(Decision::Event(Event::TopicSet(details)))
}

pub(super) fn archive(place: &Place<'_>) -> Decided {
    // Asked before the role, because an archived room refuses everything that would change it; this would not.
    if place.member()?.role == Role::Owner && place.details.status == Status::Archived {
        return Ok(Decision::AlreadySo);
    }
    place.ranked(Role::Owner)?;
    Ok(Decision::Event(Event::Archived(Details { status: Status::Archived, ..place.details.clone() })))
}

pub(super) fn close(place: &Place<'_>) -> Decided {
    set_status(place, Status::Closed, Event::Closed)
}

pub(super) fn reopen(place: &Place<'_>) -> Decided {
    set_status(place, Status::Open, Event::Reopened)
}

/// Only a direct room is closed and reopened: what two people are to each other concerns no other room.
fn set_status(place: &Place<'_>, status: Status, event: fn(Details) -> Event) -> Decided {
    place.member()?;
    if place.details.kind != Kind::Direct {
        return Err(Refusal::NotDirect);
    }
    if place.details.status == status {
        return Ok(Decision::AlreadySo);
    }
    Ok(Decision::Event(event(Details { status, ..place.details.clone() })))
}

/// Refuses, naming them, people who do not exist or have left for good, and people with whom the actor stands in a block.
pub(super) fn may_be_brought_in(users: &BTreeSet<&UserId>, facts: &Facts) -> Result<(), Refusal> {
    let those =
        |such: &dyn Fn(&UserId) -> bool| users.iter().filter(|user| such(user)).map(|user| (*user).clone()).collect::<Vec<_>>();
    let unknown = those(&|user| !facts.active_users.contains(user));
    if !unknown.is_empty() {
        return Err(Refusal::UserNotActive { users: unknown });
    }
    let blocked = those(&|user| facts.blocked_users.contains(user));
    if blocked.is_empty() { Ok(()) } else { Err(Refusal::UserBlocked { users: blocked }) }
}
