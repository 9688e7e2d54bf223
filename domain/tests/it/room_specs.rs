//! What a room allows: its details and its members.

use std::collections::BTreeSet;

use domain::command::Facts;
use domain::room::{
    Command, Details, DetailsPersonal, Event, Kind, MEMBERS_ADDED_MAX, MEMBERS_MAX, Member, MemberGone, MembersAdded, Role,
    RoomCreated, Status,
};
use domain::text::{RoomName, Topic};
use domain::{Timestamp, UserId};
use rstest::rstest;

use crate::scene::{
    FOE, GHOST, MEMBER, MODERATOR, OTHER_MEMBER, OWNER, STRANGER, Scene, add, change_role, create, create_direct, join, moment,
    remove, rename, send, set_topic, user, users,
};

/// Who asks, in the order of the columns below.
const CAST: [&str; 4] = [OWNER, MODERATOR, MEMBER, STRANGER];

#[rstest]
//                                                owner           moderator        member           stranger
#[case::rename(rename("new"), ["renamed", "renamed", "role-required", "not-a-member"])]
#[case::same_name(rename("the hall"), ["already so", "already so", "role-required", "not-a-member"])]
#[case::set_topic(set_topic("tea"), ["topic-set", "topic-set", "role-required", "not-a-member"])]
#[case::same_topic(set_topic(""), ["already so", "already so", "role-required", "not-a-member"])]
#[case::archive(Command::Archive, ["archived", "role-required", "role-required", "not-a-member"])]
#[case::add(add(&["new"]), ["members-added", "members-added", "members-added", "not-a-member"])]
#[case::add_those_who_are_in(add(&[MEMBER]), ["already so", "already so", "already so", "not-a-member"])]
#[case::add_nobody(add(&[]), ["already so", "already so", "already so", "not-a-member"])]
#[case::add_a_ghost(add(&["new", GHOST]), ["user-not-active", "user-not-active", "user-not-active", "not-a-member"])]
#[case::join(join(), ["already so", "already so", "already so", "member-joined"])]
#[case::leave(Command::Leave, ["last-owner", "member-left", "member-left", "already so"])]
#[case::remove_a_member(remove(OTHER_MEMBER), ["member-removed", "member-removed", "role-required", "not-a-member"])]
#[case::remove_a_moderator(remove(MODERATOR), ["member-removed", "cannot-remove-oneself", "role-required", "not-a-member"])]
#[case::remove_an_owner(remove(OWNER), ["cannot-remove-oneself", "role-required", "role-required", "not-a-member"])]
#[case::remove_who_is_not_in(remove("new"), ["already so", "already so", "role-required", "not-a-member"])]
#[case::promote(change_role(MEMBER, Role::Moderator), ["role-changed", "role-required", "role-required", "not-a-member"])]
#[case::same_role(change_role(MEMBER, Role::Member), ["already so", "role-required", "role-required", "not-a-member"])]
#[case::promote_nobody(change_role("new", Role::Owner), ["member-not-found", "role-required", "role-required", "not-a-member"])]
#[case::demote_the_last_owner(change_role(OWNER, Role::Member), ["last-owner", "role-required", "role-required", "not-a-member"])]
#[case::create_again(create(Kind::Public, "x", &[]), ["already so", "room-exists", "room-exists", "room-exists"])]
fn in_a_public_room(#[case] command: Command, #[case] expected: [&str; 4]) {
    let scene = Scene::of(Kind::Public);
    assert_eq!(CAST.map(|who| scene.then(who, &command)), expected, "{command:?}");
}

#[rstest]
#[case::add(add(&["new"]), ["members-added", "members-added", "role-required"])]
#[case::join(join(), ["already so", "already so", "already so"])]
#[case::leave(Command::Leave, ["last-owner", "member-left", "member-left"])]
#[case::rename(rename("new"), ["renamed", "renamed", "role-required"])]
#[case::archive(Command::Archive, ["archived", "role-required", "role-required"])]
#[case::remove(remove(OTHER_MEMBER), ["member-removed", "member-removed", "role-required"])]
#[case::send(send("hello"), ["message-sent", "message-sent", "message-sent"])]
#[case::create_again(create(Kind::Private, "x", &[]), ["already so", "room-exists", "room-exists"])]
fn a_private_room_is_not_there_for_strangers(#[case] command: Command, #[case] expected: [&str; 3]) {
    let scene = Scene::of(Kind::Private);
    assert_eq!([OWNER, MODERATOR, MEMBER].map(|who| scene.then(who, &command)), expected, "{command:?}");
    assert_eq!(scene.then(STRANGER, &command), "room-not-found", "{command:?}");
    // The same as where there is no room at all.
    if !matches!(command, Command::Create { .. }) {
        assert_eq!(Scene::nothing().then(STRANGER, &command), "room-not-found", "{command:?}");
    }
}

#[rstest]
#[case(rename("new"), "direct-room")]
#[case(set_topic("tea"), "direct-room")]
#[case(Command::Archive, "direct-room")]
#[case(add(&["new"]), "direct-room")]
#[case(Command::Leave, "direct-room")]
#[case(remove(OTHER_MEMBER), "direct-room")]
#[case(change_role(OTHER_MEMBER, Role::Owner), "direct-room")]
#[case(join(), "already so")]
#[case(send("hello"), "message-sent")]
fn a_direct_room_has_its_two_people_for_ever(#[case] command: Command, #[case] expected: &str) {
    let scene = Scene::of(Kind::Direct);
    assert_eq!(scene.then(MEMBER, &command), expected);
    assert_eq!(scene.then(STRANGER, &command), "room-not-found");
}

#[test]
fn an_archived_room_refuses_every_change() {
    let scene = Scene::of(Kind::Public).given(OWNER, send_first()).given(OWNER, Command::Archive);
    assert_eq!(scene.details().status, Status::Archived);
    for command in [
        rename("new"),
        set_topic("tea"),
        add(&["new"]),
        Command::Leave,
        remove(MEMBER),
        change_role(MEMBER, Role::Owner),
        send("hello"),
        crate::scene::edit(1, "changed"),
        crate::scene::delete(1),
        crate::scene::react(1, "👍"),
        crate::scene::unreact(1, "👍"),
    ] {
        assert_eq!(scene.then(OWNER, &command), "room-archived", "{command:?}");
    }
    assert_eq!(scene.then(STRANGER, &join()), "room-archived");
    assert_eq!(scene.then(OWNER, &Command::Archive), "already so");
    assert_eq!(scene.then(MODERATOR, &Command::Archive), "room-archived");
}

fn send_first() -> Command {
    send("first")
}

#[rstest]
#[case::public(create(Kind::Public, "a", &["b"]), "created")]
#[case::alone(create(Kind::Private, "a", &[]), "created")]
#[case::nameless(create(Kind::Public, "", &[]), "name-required")]
#[case::with_a_ghost(create(Kind::Private, "a", &[GHOST]), "user-not-active")]
#[case::direct(create_direct(&["b"]), "created")]
#[case::direct_naming_oneself_too(create_direct(&[OWNER, "b", "b"]), "created")]
#[case::direct_with_a_ghost(create_direct(&[GHOST]), "user-not-active")]
#[case::direct_with_oneself(create_direct(&[OWNER]), "direct-needs-one-other")]
#[case::direct_with_two(create_direct(&["b", "c"]), "direct-needs-one-other")]
#[case::direct_with_a_name(create(Kind::Direct, "a", &["b"]), "direct-has-no-name")]
fn creating(#[case] command: Command, #[case] expected: &str) {
    assert_eq!(Scene::nothing().then(OWNER, &command), expected);
}

#[test]
fn whoever_creates_a_room_owns_it() {
    let imported_at = Timestamp::from_millis(1_000).unwrap();
    let mut command = create(Kind::Public, "hall", &["b", OWNER, "a", "b"]);
    if let Command::Create { created_at, topic, .. } = &mut command {
        *created_at = Some(imported_at);
        *topic = Some(Topic::parse("tea").unwrap());
    }
    let (scene, event) = Scene::nothing().event(OWNER, command);
    let details = Details {
        kind: Kind::Public,
        status: Status::Open,
        created_by: user(OWNER),
        created_at: imported_at,
        personal: DetailsPersonal { name: Some(RoomName::parse("hall").unwrap()), topic: Topic::parse("tea").unwrap() },
    };
    let member = |id, role| Member { user_id: user(id), role, joined_at: imported_at };
    let members = vec![member(OWNER, Role::Owner), member("a", Role::Member), member("b", Role::Member)];
    assert_eq!(event, Event::Created(RoomCreated { details: details.clone(), members }));
    assert_eq!((scene.room.details, scene.room.version, scene.room.members.len()), (Some(details), 1, 3));
}

#[test]
fn either_of_two_people_gets_their_direct_room_back() {
    let (scene, event) = Scene::nothing().event(MEMBER, create_direct(&[OTHER_MEMBER]));
    let Event::Created(created) = event else { panic!("{event:?}") };
    assert!(created.members.iter().all(|member| member.role == Role::Member));
    assert_eq!(created.details.personal, DetailsPersonal { name: None, topic: Topic::default() });
    assert_eq!(scene.then(MEMBER, &create_direct(&[OTHER_MEMBER])), "already so");
    assert_eq!(scene.then(OTHER_MEMBER, &create_direct(&[MEMBER])), "already so");
    assert_eq!(scene.then(STRANGER, &create_direct(&[MEMBER])), "room-not-found");
}

#[test]
fn people_who_are_in_already_are_passed_over() {
    let (scene, event) = Scene::of(Kind::Public).event(MEMBER, add(&["zoe", MEMBER, "ada", "zoe"]));
    let joined_at = moment(scene.room.version);
    let member = |id| Member { user_id: user(id), role: Role::Member, joined_at };
    assert_eq!(event, Event::MembersAdded(MembersAdded { members: vec![member("ada"), member("zoe")] }));
}

#[test]
fn imports_say_when_people_joined() {
    let at = Timestamp::from_millis(1_000).unwrap();
    let (scene, _) = Scene::of(Kind::Public).event(STRANGER, Command::Join { joined_at: Some(at) });
    assert_eq!(scene.room.members.get(&user(STRANGER)).unwrap().joined_at, at);
    let facts = Facts { active_users: BTreeSet::from([user("new")]), ..Facts::default() };
    let (scene, _) = scene.event(OWNER, Command::AddMembers { users: users(&["new"]), joined_at: Some(at), facts });
    assert_eq!(scene.room.members.get(&user("new")).unwrap().joined_at, at);
}

#[test]
fn the_refusal_of_unknown_people_names_them() {
    let refusal = Scene::of(Kind::Public).decide(OWNER, &add(&["new", GHOST])).unwrap_err();
    assert_eq!(refusal.to_string(), "not registered, or deactivated: ghost");
    let many: Vec<UserId> = (0..12).map(|n| user(&format!("u{n:02}"))).collect();
    let refusal = domain::room::Refusal::UserNotActive { users: many };
    assert!(refusal.to_string().ends_with("u09 and 2 more"), "{refusal}");
}

#[test]
fn an_owner_hands_over_and_may_then_go() {
    let scene = Scene::of(Kind::Private).given(OWNER, change_role(MODERATOR, Role::Owner));
    let (scene, event) = scene.event(OWNER, Command::Leave);
    assert_eq!(event, Event::MemberLeft(MemberGone { user_id: user(OWNER) }));
    assert_eq!(scene.then(OWNER, &send("still here?")), "room-not-found");
    assert_eq!(scene.then(MODERATOR, &Command::Leave), "last-owner");
}

#[test]
fn of_two_owners_either_may_step_down_or_put_the_other_out() {
    let scene = Scene::of(Kind::Private).given(OWNER, change_role(MODERATOR, Role::Owner));
    assert_eq!(scene.then(OWNER, &change_role(OWNER, Role::Member)), "role-changed");
    assert_eq!(scene.then(OWNER, &change_role(MODERATOR, Role::Member)), "role-changed");
    assert_eq!(scene.then(OWNER, &remove(MODERATOR)), "member-removed");
}

#[test]
fn the_very_last_person_archives_the_room_instead_of_leaving() {
    let scene = Scene::nothing().given(OWNER, create(Kind::Private, "alone", &[]));
    assert_eq!(scene.then(OWNER, &Command::Leave), "last-owner");
    assert_eq!(scene.then(OWNER, &Command::Archive), "archived");
}

#[test]
fn a_changed_role_keeps_the_date_of_joining() {
    let (scene, event) = Scene::of(Kind::Public).event(OWNER, change_role(MEMBER, Role::Moderator));
    assert_eq!(event, Event::RoleChanged(Member { user_id: user(MEMBER), role: Role::Moderator, joined_at: moment(1) }));
    assert_eq!(scene.then(MEMBER, &rename("new")), "renamed");
}

#[test]
fn limits_on_people() {
    let many = |count: usize| -> Vec<String> { (0..count).map(|n| format!("user{n:06}")).collect() };
    let named = many(MEMBERS_ADDED_MAX + 1);
    let named: Vec<&str> = named.iter().map(String::as_str).collect();
    let (fitting, too_many) = (&named[..MEMBERS_ADDED_MAX], &named[..]);
    assert_eq!(Scene::nothing().then(OWNER, &create(Kind::Public, "a", fitting)), "created");
    assert_eq!(Scene::nothing().then(OWNER, &create(Kind::Public, "a", too_many)), "too-many-added");
    assert_eq!(Scene::of(Kind::Public).then(OWNER, &add(fitting)), "members-added");
    assert_eq!(Scene::of(Kind::Public).then(OWNER, &add(too_many)), "too-many-added");

    let mut scene = Scene::of(Kind::Public);
    for id in many(MEMBERS_MAX - 1).into_iter().skip(scene.room.members.len()) {
        let member = Member { user_id: user(&id), role: Role::Member, joined_at: moment(1) };
        scene.room.members.insert(member.user_id.clone(), member);
    }
    assert_eq!(scene.room.members.len(), MEMBERS_MAX - 1);
    assert_eq!(scene.then(OWNER, &add(&["new1", "new2"])), "room-full");
    let scene = scene.given(STRANGER, join());
    assert_eq!(scene.then("another", &join()), "room-full");
    assert_eq!(scene.then(OWNER, &add(&["another"])), "room-full");
}

#[test]
fn a_direct_room_closes_and_reopens() {
    let scene = Scene::of(Kind::Direct).given(MEMBER, send_first());
    assert_eq!(scene.then(MEMBER, &Command::Reopen), "already so");
    let scene = scene.given(MEMBER, Command::Close);
    assert_eq!((scene.details().status, scene.then(OTHER_MEMBER, &Command::Close).as_str()), (Status::Closed, "already so"));
    for command in [send("hello"), crate::scene::edit(1, "changed"), crate::scene::react(1, "👍")] {
        assert_eq!(scene.then(MEMBER, &command), "room-closed", "{command:?}");
    }
    assert_eq!(scene.then(MEMBER, &crate::scene::unreact(1, "👍")), "already so");
    assert_eq!(scene.then(MEMBER, &crate::scene::delete(1)), "message-deleted");
    assert_eq!(scene.then(OTHER_MEMBER, &create_direct(&[MEMBER])), "already so");
    assert_eq!(scene.then(STRANGER, &Command::Reopen), "room-not-found");
    let scene = scene.given(OTHER_MEMBER, Command::Reopen);
    assert_eq!(scene.then(OTHER_MEMBER, &send("hello")), "message-sent");
}

#[test]
fn only_a_direct_room_closes() {
    for kind in [Kind::Public, Kind::Private] {
        assert_eq!(Scene::of(kind).then(OWNER, &Command::Close), "not-direct");
        assert_eq!(Scene::of(kind).then(OWNER, &Command::Reopen), "not-direct");
    }
}

#[test]
fn across_a_block_nobody_is_brought_in() {
    assert_eq!(Scene::nothing().then(MEMBER, &create_direct(&[FOE])), "user-blocked");
    assert_eq!(Scene::nothing().then(OWNER, &create(Kind::Private, "a", &[MEMBER, FOE])), "user-blocked");
    assert_eq!(Scene::of(Kind::Public).then(OWNER, &add(&[STRANGER, FOE])), "user-blocked");
    let refusal = Scene::of(Kind::Public).decide(OWNER, &add(&[FOE])).unwrap_err();
    assert_eq!(refusal.to_string(), "one has blocked the other: fay");
}

/// A refusal that no spec provokes is a rule that nobody checks.
#[test]
fn every_refusal_has_a_spec() {
    let specs = [
        include_str!("room_specs.rs"),
        include_str!("message_specs.rs"),
        include_str!("user_specs.rs"),
        include_str!("relation_specs.rs"),
    ]
    .concat();
    let codes: Vec<&str> = [
        include_str!("../../src/room/refusal.rs"),
        include_str!("../../src/user/refusal.rs"),
        include_str!("../../src/relation/refusal.rs"),
    ]
    .into_iter()
    .flat_map(|source| source.split("=> \"").skip(1))
    .filter_map(|rest| rest.split('"').next())
    .filter(|code| !code.contains(' ') && *code != "owners" && *code != "members")
    .collect();
    assert!(codes.len() > 20, "the codes are not where this test looks for them: {codes:?}");
    for code in &codes {
        assert!(specs.contains(&format!("\"{code}\"")), "no spec is refused with {code}");
    }
    let distinct: BTreeSet<&&str> = codes.iter().collect();
    assert_eq!(distinct.len(), codes.len(), "two refusals share a code");
}
