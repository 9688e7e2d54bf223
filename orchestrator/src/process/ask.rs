//! What a step asks for: one command to one stream.

use domain::command::Body;
use domain::room::Role;
use domain::saga::Step;
use domain::{StreamId, UserId, room, user};

use super::Process;

/// A command without its id, which is that of saga and step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// In whose name. A process manager may do little in it: see `domain::Command::authorise`.
    pub actor: UserId,
    /// The stream it is for.
    pub stream: StreamId,
    /// What is asked.
    pub body: Body,
}

impl Ask {
    pub(super) fn of(process: &Process, step: &Step) -> Option<Self> {
        let of_user = |actor: &UserId, command| Self {
            actor: actor.clone(),
            stream: StreamId::User(actor.clone()),
            body: Body::User(command),
        };
        let of_room = |actor: &UserId, room, command| Self {
            actor: actor.clone(),
            stream: StreamId::Room(room),
            body: Body::Room(command),
        };
        Some(match (process, step) {
            (Process::Registration(process), Step::RegisterUser) => {
                let user_name = process.user_name().clone();
                of_user(process.user_id(), user::Command::Register { user_name, registered_at: None })
            }
            (Process::Deactivation(process), Step::DeactivateUser) => of_user(process.user_id(), user::Command::Deactivate),
            (Process::Deactivation(process), Step::LeaveRoom(room)) => of_room(process.user_id(), *room, room::Command::Leave),
            (Process::Deactivation(process), Step::PromoteOwner(room, heir)) => {
                let promote = room::Command::ChangeRole { user: heir.clone(), role: Role::Owner };
                of_room(process.user_id(), *room, promote)
            }
            (Process::Deactivation(process), Step::ArchiveRoom(room)) => {
                of_room(process.user_id(), *room, room::Command::Archive)
            }
            (Process::DirectRoom(process), Step::CloseRoom(room, _)) => of_room(process.actor(), *room, room::Command::Close),
            (Process::DirectRoom(process), Step::ReopenRoom(room, _)) => of_room(process.actor(), *room, room::Command::Reopen),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::saga::{RegistrationPersonal, RegistrationRequested, SagaId};
    use domain::text::UserName;
    use domain::{Command, Scope};

    use super::*;
    use crate::process::Registration;

    #[test]
    fn a_registration_is_asked_for_in_the_persons_own_name_and_a_service_may() {
        let user_id = UserId::parse("ann").unwrap();
        let personal = RegistrationPersonal { user_name: UserName::parse("Ann").unwrap() };
        let process =
            Process::Registration(Registration::requested(&RegistrationRequested { user_id: user_id.clone(), personal }));
        let Ask { actor, stream, body } = process.ask(&Step::RegisterUser).unwrap();
        let saga = SagaId::of_registration(&user_id, uuid::Uuid::nil());
        let command = Command {
            hash: body.canonical_hash(&stream),
            stream,
            actor,
            id: saga.command(&Step::RegisterUser),
            traceparent: None,
            correlation_id: saga.as_uuid(),
            causation_id: None,
            body,
        };
        let scope = Scope { service: true, ..Scope::default() };
        assert_eq!(command.authorise(&UserId::parse("orchestrator").unwrap(), scope), Ok(()));
        assert_eq!(process.ask(&Step::DeactivateUser), None);
    }
}
