//! People and their memberships.

use domain::room::Role;
use domain::{Timestamp, UserId};
use infra::read_model::{Friendship, MemberView, RelationView, UserView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Presence;
use super::room::RoleName;

/// The public profile of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The permanent id.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// The display name; the id, of somebody who left for good.
    pub user_name: String,
    /// The status text; may be empty.
    pub status_text: String,
    /// When they registered.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// Whether they left for good.
    pub deactivated: bool,
    /// Whether one has switched presence off; only in one's own profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_hidden: Option<bool>,
}

/// How far a friendship is, as the one who asks sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = Friendship)]
pub enum FriendshipName {
    /// Both want it.
    Friends,
    /// The other one has asked.
    Incoming,
    /// Oneself has asked.
    Outgoing,
}

/// A friend, or somebody who may become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Friend {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their display name.
    pub user_name: String,
    /// Their status text; may be empty.
    pub status_text: String,
    /// How far it is.
    pub friendship: FriendshipName,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// How a friend is to be found; null of somebody who is none.
    #[schema(required = true)]
    pub presence: Option<Presence>,
}

/// Somebody whom one blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Block {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their display name.
    pub user_name: String,
}

/// One member of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// Their display name.
    pub user_name: String,
    /// As what.
    #[schema(value_type = RoleName)]
    pub role: Role,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub joined_at: Timestamp,
}

/// A membership as the live feed tells it: also of somebody who has gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Who.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// As what; null for somebody who is no longer a member.
    #[schema(value_type = Option<RoleName>, required = true)]
    pub role: Option<Role>,
    /// Since when; absent for somebody who is no longer a member.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub joined_at: Option<Timestamp>,
}

impl From<UserView> for Person {
    fn from(view: UserView) -> Self {
        Self {
            user_id: view.user,
            user_name: view.user_name,
            status_text: view.status_text,
            registered_at: view.registered_at,
            deactivated: view.deactivated,
            presence_hidden: None,
        }
    }
}

impl FriendshipName {
    /// The name of `friendship`; nothing where there is none.
    #[must_use]
    pub const fn of(friendship: Friendship) -> Option<Self> {
        match friendship {
            Friendship::None => None,
            Friendship::Outgoing => Some(Self::Outgoing),
            Friendship::Incoming => Some(Self::Incoming),
            Friendship::Friends => Some(Self::Friends),
        }
    }
}

impl From<FriendshipName> for Friendship {
    fn from(name: FriendshipName) -> Self {
        match name {
            FriendshipName::Friends => Self::Friends,
            FriendshipName::Incoming => Self::Incoming,
            FriendshipName::Outgoing => Self::Outgoing,
        }
    }
}

impl From<RelationView> for Block {
    fn from(view: RelationView) -> Self {
        Self { user_id: view.other.user, user_name: view.other.user_name }
    }
}

impl Friend {
    /// The friend of `view`, with the presence that `presence_of` knows; nothing where there is no friendship.
    #[must_use]
    pub fn of(view: RelationView, presence_of: impl FnOnce(&UserId) -> Presence) -> Option<Self> {
        let friendship = FriendshipName::of(view.friendship)?;
        let hidden = view.presence_hidden;
        let presence = || if hidden { Presence::UNKNOWN } else { presence_of(&view.other.user) };
        let presence = (friendship == FriendshipName::Friends).then(presence);
        let (other, since) = (view.other, view.changed_at);
        Some(Self {
            user_id: other.user,
            user_name: other.user_name,
            status_text: other.status_text,
            friendship,
            since,
            presence,
        })
    }
}

impl Member {
    /// The member of `view`; nothing for somebody who has gone.
    #[must_use]
    pub fn of(view: MemberView) -> Option<Self> {
        let role = view.role?;
        Some(Self { user_id: view.user, user_name: view.user_name, role, joined_at: view.joined_at })
    }
}

impl From<MemberView> for Membership {
    fn from(view: MemberView) -> Self {
        Self { user_id: view.user, role: view.role, joined_at: view.role.is_some().then_some(view.joined_at) }
    }
}

impl From<domain::room::Member> for Membership {
    fn from(member: domain::room::Member) -> Self {
        Self { user_id: member.user_id, role: Some(member.role), joined_at: Some(member.joined_at) }
    }
}

impl From<domain::room::MemberGone> for Membership {
    fn from(gone: domain::room::MemberGone) -> Self {
        Self { user_id: gone.user_id, role: None, joined_at: None }
    }
}
