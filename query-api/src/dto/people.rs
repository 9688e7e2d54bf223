//! People and their memberships.

use domain::room::Role;
use domain::{Timestamp, UserId};
use infra::read_model::{MemberView, UserView};
use serde::Serialize;
use utoipa::ToSchema;

use super::room::RoleName;

/// The public profile of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The permanent id.
    #[schema(value_type = String)]
    pub user_id: UserId,
    /// The display name.
    pub user_name: String,
    /// The status text; may be empty.
    pub status_text: String,
    /// When they registered.
    #[schema(value_type = String, format = DateTime)]
    pub registered_at: Timestamp,
    /// Whether they left for good.
    pub deactivated: bool,
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
        }
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
