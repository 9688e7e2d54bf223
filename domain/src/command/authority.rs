//! Whether a command may be asked by a caller at all, before any state is looked at.

use super::{Body, Command, Scope};
use crate::ids::{Pair, RoomId, StreamId, UserId};
use crate::{relation, room, user};

/// Why a caller may not ask for a command, whatever the state of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAuthorised {
    /// Acting for somebody else takes the `import` scope.
    #[error("acting on behalf of somebody else takes a token with the scope `import`")]
    OnBehalf,
    /// Stating when something happened takes the `import` scope.
    #[error("stating a time takes a token with the scope `import`")]
    StatedTime,
    /// Registering takes the `service` or the `import` scope.
    #[error("registering takes a token with the scope `service` or `import`")]
    Registration,
    /// Closing and reopening a direct room takes the `service` scope.
    #[error("closing and reopening a room takes a token with the scope `service`")]
    Closing,
    /// A relation is changed by one of its two people.
    #[error("this is between two other people")]
    NotOneOfTheTwo,
    /// People change nobody's profile but their own.
    #[error("this is somebody else's profile")]
    SomebodyElse,
    /// Derived command ids are for services and imports.
    #[error("command ids of version 5 are those of services and imports; choose one of version 7")]
    DerivedId,
    /// The stream is not the one that such a command is for.
    #[error("the command does not belong to this stream")]
    WrongStream,
}

impl Command {
    /// Checks what can be known without the stream's state. The node that takes a command asks it, and the owner of the stream
    /// asks it again of a command that was forwarded, with the caller that the forwarded token names.
    ///
    /// # Errors
    /// [`NotAuthorised`] says what is missing.
    pub fn authorise(&self, caller: &UserId, scope: Scope) -> Result<(), NotAuthorised> {
        if self.states_a_time() && !scope.import {
            return Err(NotAuthorised::StatedTime);
        }
        // A saga's ids can be computed by anybody. Who could use one first, in the same name, would keep its step from being taken.
        if self.id.is_derived() && !scope.may_derive_ids() {
            return Err(NotAuthorised::DerivedId);
        }
        match (&self.stream, &self.body) {
            (StreamId::User(user), Body::User(command)) => self.authorise_user(user, command, caller, scope),
            (StreamId::Room(room), Body::Room(command)) => self.authorise_room(*room, command, caller, scope),
            (StreamId::Relation(pair), Body::Relation(_)) => self.authorise_relation(pair, caller, scope),
            _ => Err(NotAuthorised::WrongStream),
        }
    }

    fn authorise_user(&self, user: &UserId, command: &user::Command, caller: &UserId, scope: Scope) -> Result<(), NotAuthorised> {
        if matches!(command, user::Command::Register { .. }) {
            // The new person cannot hold a token yet, so a service asks in its own name or in that of the person.
            return match scope {
                Scope { import: true, .. } => Ok(()),
                Scope { service: true, .. } if self.actor == *caller || self.actor == *user => Ok(()),
                Scope { service: true, .. } => Err(NotAuthorised::OnBehalf),
                _ => Err(NotAuthorised::Registration),
            };
        }
        let by_service = scope.service && matches!(command, user::Command::Deactivate);
        self.authorise_actor(caller, scope, by_service)?;
        if self.actor == *user { Ok(()) } else { Err(NotAuthorised::SomebodyElse) }
    }

    fn authorise_relation(&self, pair: &Pair, caller: &UserId, scope: Scope) -> Result<(), NotAuthorised> {
        self.authorise_actor(caller, scope, false)?;
        if pair.other(&self.actor).is_some() { Ok(()) } else { Err(NotAuthorised::NotOneOfTheTwo) }
    }

    fn authorise_room(&self, room: RoomId, command: &room::Command, caller: &UserId, scope: Scope) -> Result<(), NotAuthorised> {
        if matches!(command, room::Command::Close | room::Command::Reopen) {
            return if scope.service { Ok(()) } else { Err(NotAuthorised::Closing) };
        }
        self.authorise_actor(caller, scope, scope.service && on_behalf_of_the_leaving(command))?;
        let room::Command::Create { kind, members, .. } = command else { return Ok(()) };
        // Room ids are derived. Without this check, somebody could make a room under the id of other people's direct room.
        let belongs = match kind {
            room::Kind::Direct => {
                members.iter().filter(|user| **user != self.actor).all(|other| room == RoomId::of_direct(&self.actor, other))
            }
            room::Kind::Public | room::Kind::Private => scope.import || room == RoomId::of_creation(&self.actor, self.id),
        };
        if belongs { Ok(()) } else { Err(NotAuthorised::WrongStream) }
    }

    fn authorise_actor(&self, caller: &UserId, scope: Scope, by_service: bool) -> Result<(), NotAuthorised> {
        if self.actor == *caller || scope.import || by_service { Ok(()) } else { Err(NotAuthorised::OnBehalf) }
    }

    /// Whether the command says when it happened, instead of leaving that to the clock.
    const fn states_a_time(&self) -> bool {
        match &self.body {
            Body::User(user::Command::Register { registered_at: time, .. })
            | Body::Room(
                room::Command::Create { created_at: time, .. }
                | room::Command::AddMembers { joined_at: time, .. }
                | room::Command::Join { joined_at: time }
                | room::Command::SendMessage { sent_at: time, .. },
            ) => time.is_some(),
            Body::Relation(
                relation::Command::Befriend { .. }
                | relation::Command::Unfriend
                | relation::Command::Block { .. }
                | relation::Command::Unblock,
            )
            | Body::User(
                user::Command::ChangeProfile { .. }
                | user::Command::SetMuted { .. }
                | user::Command::SetVisibility { .. }
                | user::Command::Deactivate,
            )
            | Body::Room(
                room::Command::Rename { .. }
                | room::Command::SetTopic { .. }
                | room::Command::Archive
                | room::Command::Close
                | room::Command::Reopen
                | room::Command::Leave
                | room::Command::RemoveMember { .. }
                | room::Command::ChangeRole { .. }
                | room::Command::EditMessage { .. }
                | room::Command::DeleteMessage { .. }
                | room::Command::AddReaction { .. }
                | room::Command::RemoveReaction { .. },
            ) => false,
        }
    }
}

/// What a process manager asks for in the name of a person who leaves for good: to hand over, to archive what nobody can take
/// over, to go.
const fn on_behalf_of_the_leaving(command: &room::Command) -> bool {
    matches!(command, room::Command::ChangeRole { .. } | room::Command::Archive | room::Command::Leave)
}
