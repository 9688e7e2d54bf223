//! Why a room says no.

use super::{MEMBERS_ADDED_MAX, MEMBERS_MAX, REACTIONS_MAX, Role};
use crate::command::RefusalKind;
use crate::ids::UserId;

/// A room's refusal. Its code is stable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
pub enum Refusal {
    /// There is no such room, or the actor may not know of it.
    #[error("there is no such room")]
    RoomNotFound,
    /// Somebody else made a room under this id.
    #[error("this room exists already")]
    RoomExists,
    /// The room is archived: nothing changes in it any more.
    #[error("the room is archived")]
    RoomArchived,
    /// The direct room is closed, because one of the two has blocked the other.
    #[error("the room is closed")]
    RoomClosed,
    /// A direct room's people, roles, name and topic are fixed, and it cannot be left or archived.
    #[error("a direct room's people and details cannot change")]
    DirectRoom,
    /// A direct room is between the actor and exactly one other person.
    #[error("a direct room is with exactly one other person")]
    DirectNeedsOneOther,
    /// A direct room was to have a name or a topic.
    #[error("a direct room has neither name nor topic")]
    DirectHasNoName,
    /// A public or private room was to have no name.
    #[error("a public or private room needs a name")]
    NameRequired,
    /// People named do not exist, or have left for good.
    #[error("not registered, or deactivated: {}", some(users))]
    UserNotActive {
        /// Who.
        users: Vec<UserId>,
    },
    /// Between the actor and people named, one has blocked the other. It is not said which.
    #[error("one has blocked the other: {}", some(users))]
    UserBlocked {
        /// Who.
        users: Vec<UserId>,
    },
    /// Only a direct room is closed and reopened.
    #[error("only a direct room can be closed and reopened")]
    NotDirect,
    /// More people than one command may add.
    #[error("{users} people are too many for one command; it may add {MEMBERS_ADDED_MAX}")]
    TooManyAdded {
        /// How many.
        users: usize,
    },
    /// The room would have more members than it may.
    #[error("the room may have at most {MEMBERS_MAX} members")]
    RoomFull,
    /// Only members may do that.
    #[error("only members may do that")]
    NotAMember,
    /// The actor's role is too low.
    #[error("only {} may do that", roles(*.role))]
    RoleRequired {
        /// The least role.
        role: Role,
    },
    /// The person whose role was to change is no member.
    #[error("there is no such member")]
    MemberNotFound,
    /// The last owner must make somebody else owner first, or archive the room.
    #[error("the last owner must make somebody else owner first, or archive the room")]
    LastOwner,
    /// Owners and moderators leave; they do not remove themselves.
    #[error("to go yourself, leave the room")]
    CannotRemoveOneself,
    /// There is no message of this number.
    #[error("there is no such message")]
    MessageNotFound,
    /// The message was deleted.
    #[error("the message was deleted")]
    MessageDeleted,
    /// Only the author may do that (and, for deletions, a moderator).
    #[error("this is somebody else's message")]
    NotTheAuthor,
    /// The message replied to does not exist.
    #[error("the message replied to does not exist")]
    ReplyToUnknown,
    /// The message carries as many reactions as it may.
    #[error("a message may carry at most {REACTIONS_MAX} reactions")]
    TooManyReactions,
}

impl Refusal {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RoomNotFound => "room-not-found",
            Self::RoomExists => "room-exists",
            Self::RoomArchived => "room-archived",
            Self::RoomClosed => "room-closed",
            Self::DirectRoom => "direct-room",
            Self::DirectNeedsOneOther => "direct-needs-one-other",
            Self::DirectHasNoName => "direct-has-no-name",
            Self::NameRequired => "name-required",
            Self::UserNotActive { .. } => "user-not-active",
            Self::UserBlocked { .. } => "user-blocked",
            Self::NotDirect => "not-direct",
            Self::TooManyAdded { .. } => "too-many-added",
            Self::RoomFull => "room-full",
            Self::NotAMember => "not-a-member",
            Self::RoleRequired { .. } => "role-required",
            Self::MemberNotFound => "member-not-found",
            Self::LastOwner => "last-owner",
            Self::CannotRemoveOneself => "cannot-remove-oneself",
            Self::MessageNotFound => "message-not-found",
            Self::MessageDeleted => "message-deleted",
            Self::NotTheAuthor => "not-the-author",
            Self::ReplyToUnknown => "reply-to-unknown",
            Self::TooManyReactions => "too-many-reactions",
        }
    }

    /// What kind of "no" it is.
    #[must_use]
    pub const fn kind(&self) -> RefusalKind {
        match self {
            Self::RoomNotFound | Self::MemberNotFound | Self::MessageNotFound => RefusalKind::NotFound,
            Self::NotAMember | Self::RoleRequired { .. } | Self::NotTheAuthor => RefusalKind::Forbidden,
            Self::RoomExists
            | Self::RoomArchived
            | Self::RoomClosed
            | Self::DirectRoom
            | Self::NotDirect
            | Self::UserBlocked { .. }
            | Self::RoomFull
            | Self::LastOwner
            | Self::MessageDeleted
            | Self::TooManyReactions => RefusalKind::Conflict,
            Self::DirectNeedsOneOther
            | Self::DirectHasNoName
            | Self::NameRequired
            | Self::UserNotActive { .. }
            | Self::TooManyAdded { .. }
            | Self::CannotRemoveOneself
            | Self::ReplyToUnknown => RefusalKind::Invalid,
        }
    }
}

/// The first few names, so that a problem's text stays short.
fn some(users: &[UserId]) -> String {
    const SHOWN_MAX: usize = 10;
    let mut text = users.iter().take(SHOWN_MAX).map(UserId::as_str).collect::<Vec<_>>().join(", ");
    if let Some(more) = users.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

const fn roles(least: Role) -> &'static str {
    match least {
        Role::Member => "members",
        Role::Moderator => "moderators and owners",
        Role::Owner => "owners",
    }
}
