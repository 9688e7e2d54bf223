//! What a room allows.
//!
//! The order of the checks is the same for every command, because a refusal must not tell a stranger what he may not know:
//! first whether the actor may know of the room at all, then whether he is a member, then whether the room still changes, then
//! his role, then the rest.

mod details;
mod members;
mod messages;

use messages::Candidates;

use super::{Command, Details, Event, Kind, Member, Message, Refusal, Role, Room, Status};
use crate::command::{Context, Decision};

/// What every decision here comes to.
type Decided = Result<Decision<Event>, Refusal>;

/// Decides `command` on the room as it is. `target` is the message that [`Command::target`] names, if it exists.
///
/// A command whose wish is true already is [`Decision::AlreadySo`], so that a repeat that comes after the idempotency window
/// does no harm. Commands about messages look at the room's members one by one and never at all of them.
///
/// # Errors
/// A [`Refusal`], which leaves no event.
pub fn decide(room: &Room, target: Option<&Message>, command: &Command, context: Context<'_>) -> Decided {
    let place = || Place::enter(room, context);
    match command {
        Command::Create { kind, name, topic, members, created_at, facts } => {
            let wish = details::Creation { kind: *kind, name, topic, members, created_at: *created_at, facts };
            details::create(room, &wish, context)
        }
        Command::Rename { name } => details::rename(&place()?, name),
        Command::SetTopic { topic } => details::set_topic(&place()?, topic),
        Command::Archive => details::archive(&place()?),
        Command::Close => details::close(&place()?),
        Command::Reopen => details::reopen(&place()?),
        Command::AddMembers { users, joined_at, facts } => members::add(&place()?, users, *joined_at, facts),
        Command::Join { joined_at } => members::join(&place()?, *joined_at),
        Command::Leave => members::leave(&place()?),
        Command::RemoveMember { user } => members::remove(&place()?, user),
        Command::ChangeRole { user, role } => members::change_role(&place()?, user, *role),
        Command::SendMessage { text, reply_to, mentions, facts, sent_at } => {
            messages::send(&place()?, text, *reply_to, Candidates { users: mentions, facts }, *sent_at)
        }
        Command::EditMessage { text, mentions, facts, .. } => {
            messages::edit(&place()?, target, text, Candidates { users: mentions, facts })
        }
        Command::DeleteMessage { .. } => messages::delete(&place()?, target),
        Command::AddReaction { emoji, .. } => messages::add_reaction(&place()?, target, emoji),
        Command::RemoveReaction { emoji, .. } => messages::remove_reaction(&place()?, target, emoji),
    }
}

/// An existing room, seen by an actor who may know of it.
struct Place<'a> {
    room: &'a Room,
    details: &'a Details,
    /// The actor's membership; nobody but a public room's visitor has none.
    membership: Option<&'a Member>,
    context: Context<'a>,
}

impl<'a> Place<'a> {
    /// Lets the actor see the room, or says that there is none.
    fn enter(room: &'a Room, context: Context<'a>) -> Result<Self, Refusal> {
        let details = room.details.as_ref().ok_or(Refusal::RoomNotFound)?;
        let membership = room.members.get(context.actor);
        if membership.is_none() && details.kind != Kind::Public {
            return Err(Refusal::RoomNotFound);
        }
        Ok(Self { room, details, membership, context })
    }

    /// The actor's membership.
    fn member(&self) -> Result<&'a Member, Refusal> {
        self.membership.ok_or(Refusal::NotAMember)
    }

    /// Refuses where the room no longer changes. A closed room still lets people take back what they said.
    const fn changeable(&self) -> Result<(), Refusal> {
        match self.details.status {
            Status::Archived => Err(Refusal::RoomArchived),
            Status::Open | Status::Closed => Ok(()),
        }
    }

    /// Refuses where nothing new may be said.
    fn open(&self) -> Result<(), Refusal> {
        self.changeable()?;
        if self.details.status == Status::Closed { Err(Refusal::RoomClosed) } else { Ok(()) }
    }

    /// Refuses in a direct room: its two people and its looks are fixed for ever.
    fn not_direct(&self) -> Result<(), Refusal> {
        if self.details.kind == Kind::Direct { Err(Refusal::DirectRoom) } else { Ok(()) }
    }

    /// The membership of an actor who is `role` at least, in a room of the kind that has roles and still changes.
    fn ranked(&self, role: Role) -> Result<&'a Member, Refusal> {
        let member = self.member()?;
        self.changeable()?;
        self.not_direct()?;
        if member.role < role { Err(Refusal::RoleRequired { role }) } else { Ok(member) }
    }

    /// Whether `member` is an owner and nobody else is one. Looks at all members: only for commands that are rare.
    fn is_last_owner(&self, member: &Member) -> bool {
        member.role == Role::Owner && self.room.members.values().filter(|m| m.role == Role::Owner).take(2).count() == 1
    }
}
