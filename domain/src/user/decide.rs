//! What a user stream allows. That nobody but the person commands it (registration apart) is checked before, from the stream's
//! id: [`crate::Command::authorise`].

use super::{
    Command, Deactivated, Event, MUTED_ROOMS_MAX, MuteChanged, Profile, ProfilePersonal, Refusal, User, VisibilityChanged,
};
use crate::command::{Context, Decision};
use crate::ids::RoomId;
use crate::text::{StatusText, UserName};
use crate::time::Timestamp;

/// What every decision here comes to.
type Decided = Result<Decision<Event>, Refusal>;

/// Decides `command` on the user as it is.
///
/// # Errors
/// A [`Refusal`], which leaves no event.
pub fn decide(user: &User, command: &Command, context: Context<'_>) -> Decided {
    match command {
        Command::Register { user_name, registered_at } => {
            register(user, user_name, registered_at.unwrap_or(context.now), context)
        }
        Command::ChangeProfile { user_name, status_text } => {
            Ok(change_profile(active(user)?, user_name.as_ref(), status_text.as_ref()))
        }
        Command::SetMuted { room, muted } => {
            active(user)?;
            set_muted(user, *room, *muted)
        }
        Command::SetVisibility { presence_hidden } => {
            active(user)?;
            if user.presence_hidden == *presence_hidden {
                return Ok(Decision::AlreadySo);
            }
            Ok(Decision::Event(Event::VisibilityChanged(VisibilityChanged { presence_hidden: *presence_hidden })))
        }
        Command::Deactivate if user.deactivated => Ok(Decision::AlreadySo),
        Command::Deactivate => {
            active(user)?;
            Ok(Decision::Event(Event::Deactivated(Deactivated { deactivated_at: context.now })))
        }
    }
}

/// The profile of somebody who is there and has not left for good.
fn active(user: &User) -> Result<&Profile, Refusal> {
    let profile = user.profile.as_ref().ok_or(Refusal::UserNotFound)?;
    if user.deactivated { Err(Refusal::UserDeactivated) } else { Ok(profile) }
}

/// A user id is taken once and for ever, deactivated or not. The command that took it is told so whenever it is repeated: the saga
/// behind it may have been away for longer than the owner's table of command ids remembers.
fn register(user: &User, user_name: &UserName, registered_at: Timestamp, context: Context<'_>) -> Decided {
    if user.registered_by == Some(context.command) {
        return Ok(Decision::AlreadySo);
    }
    if user.profile.is_some() {
        return Err(Refusal::UserExists);
    }
    let personal = ProfilePersonal { user_name: user_name.clone(), status_text: StatusText::default() };
    Ok(Decision::Event(Event::Registered(Profile { registered_at, personal })))
}

fn change_profile(profile: &Profile, user_name: Option<&UserName>, status_text: Option<&StatusText>) -> Decision<Event> {
    let personal = ProfilePersonal {
        user_name: user_name.unwrap_or(&profile.personal.user_name).clone(),
        status_text: status_text.unwrap_or(&profile.personal.status_text).clone(),
    };
    if personal == profile.personal {
        return Decision::AlreadySo;
    }
    Decision::Event(Event::ProfileChanged(Profile { registered_at: profile.registered_at, personal }))
}

fn set_muted(user: &User, room_id: RoomId, muted: bool) -> Decided {
    if user.muted.contains(&room_id) == muted {
        return Ok(Decision::AlreadySo);
    }
    if muted && user.muted.len() >= MUTED_ROOMS_MAX {
        return Err(Refusal::TooManyMuted);
    }
    Ok(Decision::Event(Event::MuteChanged(MuteChanged { room_id, muted })))
}
