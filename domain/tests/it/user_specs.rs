//! What a user's stream allows.

use domain::command::Context;
use domain::text::{StatusText, UserName};
use domain::user::{self, Command, Event, MUTED_ROOMS_MAX, Profile, ProfilePersonal, User};
use domain::{Decision, RoomId, Timestamp};
use rstest::rstest;
use uuid::Uuid;

use crate::scene::{command_id, moment};

fn register(name: &str) -> Command {
    Command::Register { user_name: UserName::parse(name).unwrap(), registered_at: None }
}
fn change(name: Option<&str>, status: Option<&str>) -> Command {
    Command::ChangeProfile {
        user_name: name.map(|name| UserName::parse(name).unwrap()),
        status_text: status.map(|status| StatusText::parse(status).unwrap()),
    }
}
fn room(n: usize) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(n as u128))
}
fn mute(n: usize, muted: bool) -> Command {
    Command::SetMuted { room: room(n), muted }
}
fn hide(presence_hidden: bool) -> Command {
    Command::SetVisibility { presence_hidden }
}

fn when(state: &mut User, command: &Command) -> Result<Decision<Event>, user::Refusal> {
    let actor = crate::scene::user("alice");
    let (id, now) = (command_id(state.version + 1), moment(state.version + 1));
    let outcome = user::decide(state, command, Context { actor: &actor, command: id, now });
    if let Ok(Decision::Event(event)) = &outcome {
        state.evolve(event, state.version + 1, id);
    }
    outcome
}

/// What becomes of the last command, after the others have happened.
fn then(given: &[Command], command: &Command) -> String {
    let mut state = User::default();
    for step in given {
        assert!(matches!(when(&mut state, step), Ok(Decision::Event(_))), "{step:?}");
    }
    match when(&mut state, command) {
        Ok(Decision::Event(event)) => {
            let name = domain::Event::User(event).type_name();
            name.trim_start_matches("sarangbang.user.").trim_end_matches(".v1").to_owned()
        }
        Ok(Decision::AlreadySo) => "already so".to_owned(),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[rstest]
//                                              nobody registered  registered         deactivated
#[case::register(register("Alice"), ["registered", "user-exists", "user-exists"])]
#[case::change_name(change(Some("Al"), None), ["user-not-found", "profile-changed", "user-deactivated"])]
#[case::change_status(change(None, Some("away")), ["user-not-found", "profile-changed", "user-deactivated"])]
#[case::change_nothing(change(None, None), ["user-not-found", "already so", "user-deactivated"])]
#[case::change_to_the_same(change(Some("Alice"), Some("")), ["user-not-found", "already so", "user-deactivated"])]
#[case::mute(mute(1, true), ["user-not-found", "mute-changed", "user-deactivated"])]
#[case::unmute(mute(1, false), ["user-not-found", "already so", "user-deactivated"])]
#[case::hide(hide(true), ["user-not-found", "visibility-changed", "user-deactivated"])]
#[case::show(hide(false), ["user-not-found", "already so", "user-deactivated"])]
#[case::deactivate(Command::Deactivate, ["user-not-found", "deactivated", "already so"])]
fn a_user(#[case] command: Command, #[case] expected: [&str; 3]) {
    let registered = register("Alice");
    let found = [vec![], vec![registered.clone()], vec![registered, Command::Deactivate]].map(|given| then(&given, &command));
    assert_eq!(found, expected, "{command:?}");
}

#[test]
fn a_profile_changes_only_where_it_was_asked_to() {
    let mut alice = User::default();
    let registered_at = Timestamp::from_millis(1_000).unwrap();
    let imported = Command::Register { user_name: UserName::parse("Alice").unwrap(), registered_at: Some(registered_at) };
    let profile = |name, status| Profile {
        registered_at,
        personal: ProfilePersonal { user_name: UserName::parse(name).unwrap(), status_text: StatusText::parse(status).unwrap() },
    };
    assert_eq!(when(&mut alice, &imported), Ok(Decision::Event(Event::Registered(profile("Alice", "")))));
    let changed = Ok(Decision::Event(Event::ProfileChanged(profile("Alice", "away"))));
    assert_eq!(when(&mut alice, &change(None, Some("away"))), changed);
    let changed = Ok(Decision::Event(Event::ProfileChanged(profile("Al", "away"))));
    assert_eq!(when(&mut alice, &change(Some("Al"), None)), changed);
    assert_eq!((alice.profile, alice.version), (Some(profile("Al", "away")), 3));
}

#[test]
fn without_a_stated_time_people_register_now() {
    let mut alice = User::default();
    when(&mut alice, &register("Alice")).unwrap();
    assert_eq!(alice.profile.map(|profile| profile.registered_at), Some(moment(1)));
}

#[test]
fn the_command_that_registered_is_a_success_however_late_it_is_repeated() {
    let mut alice = User::default();
    when(&mut alice, &register("Alice")).unwrap();
    when(&mut alice, &Command::Deactivate).unwrap();
    let actor = crate::scene::user("alice");
    let again =
        |alice: &User, id| user::decide(alice, &register("Alice"), Context { actor: &actor, command: id, now: moment(9) });
    assert_eq!(again(&alice, command_id(1)), Ok(Decision::AlreadySo));
    assert_eq!(again(&alice, command_id(2)).unwrap_err().code(), "user-exists");
}

#[test]
fn muting_is_idempotent_and_taken_back() {
    assert_eq!(then(&[register("Alice"), mute(1, true)], &mute(1, true)), "already so");
    assert_eq!(then(&[register("Alice"), mute(1, true)], &mute(1, false)), "mute-changed");
    assert_eq!(then(&[register("Alice"), mute(1, true), mute(1, false)], &mute(1, true)), "mute-changed");
}

#[test]
fn presence_is_switched_off_and_on_again() {
    assert_eq!(then(&[register("Alice"), hide(true)], &hide(true)), "already so");
    assert_eq!(then(&[register("Alice"), hide(true)], &hide(false)), "visibility-changed");
    assert_eq!(then(&[register("Alice"), hide(true), hide(false)], &hide(true)), "visibility-changed");
}

#[test]
fn as_many_rooms_are_muted_as_may_be() {
    let mut alice = User::default();
    when(&mut alice, &register("Alice")).unwrap();
    alice.muted = (0..MUTED_ROOMS_MAX).map(room).collect();
    assert_eq!(when(&mut alice, &mute(MUTED_ROOMS_MAX, true)).unwrap_err().code(), "too-many-muted");
    assert!(matches!(when(&mut alice, &mute(0, false)), Ok(Decision::Event(_))));
}

#[test]
fn only_registered_people_who_have_not_left_are_active() {
    let mut alice = User::default();
    assert!(!alice.is_active());
    when(&mut alice, &register("Alice")).unwrap();
    assert!(alice.is_active());
    when(&mut alice, &Command::Deactivate).unwrap();
    assert!(!alice.is_active());
}

#[test]
fn a_user_survives_the_local_store() {
    let mut alice = User::default();
    for command in [register("Alice"), change(None, Some("hi")), mute(1, true), Command::Deactivate] {
        when(&mut alice, &command).unwrap();
        let stored = serde_json::to_vec(&alice).unwrap();
        assert_eq!(serde_json::from_slice::<User>(&stored).unwrap(), alice);
    }
}
