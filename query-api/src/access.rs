//! Who may read a room: the one rule, for queries and for the live feed.

use domain::room::Kind;
use infra::read_model::RoomView;

/// Whether the one for whom `room` was read may read it, with all its history: members, and anyone signed in if it is public.
/// Somebody who left or was removed is no member. To others a room does not exist: the answer is 404, never 403.
#[must_use]
pub fn may_read(room: &RoomView) -> bool {
    room.kind == Kind::Public || room.viewer.role.is_some()
}

#[cfg(test)]
mod tests {
    use domain::room::{Role, Status};
    use domain::{RoomId, Timestamp, UserId};
    use infra::read_model::Viewer;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Kind::Public, None, true)]
    #[case(Kind::Public, Some(Role::Member), true)]
    #[case(Kind::Private, None, false)]
    #[case(Kind::Private, Some(Role::Member), true)]
    #[case(Kind::Direct, None, false)]
    #[case(Kind::Direct, Some(Role::Owner), true)]
    fn members_read_all_and_others_only_what_is_public(#[case] kind: Kind, #[case] role: Option<Role>, #[case] may: bool) {
        let user = UserId::parse("ann").unwrap();
        let room = RoomView {
            room: RoomId::of_import("test", "room"),
            kind,
            status: Status::Open,
            name: None,
            topic: String::new(),
            created_by: user,
            created_at: Timestamp::default(),
            version: 1,
            last_number: 0,
            last_activity_at: Timestamp::default(),
            member_count: 1,
            viewer: Viewer { role, ..Viewer::default() },
        };
        assert_eq!(may_read(&room), may);
    }
}
