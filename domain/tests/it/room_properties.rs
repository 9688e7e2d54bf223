//! What holds in a room whatever people ask for, in whatever order.

use domain::acceptance::Mark;
use domain::ids::{CommandHash, CommandId, EventTopic, RoomId, StreamId};
use domain::room::{Command, Event, Kind, Role, Status};
use domain::wire::{Entry, Record};
use domain::{Decision, Envelope, Metadata};
use proptest::prelude::*;
use uuid::Uuid;

use crate::samples;
use crate::scene::{
    GHOST, MEMBER, MODERATOR, OTHER_MEMBER, OWNER, STRANGER, Scene, add, change_role, create, create_direct, delete, edit, join,
    moment, react, remove, rename, reply, send, set_topic, unreact, user,
};

const CAST: [&str; 6] = [OWNER, MODERATOR, MEMBER, OTHER_MEMBER, STRANGER, GHOST];

fn anybody() -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(&CAST[..])
}
fn any_kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&[Kind::Public, Kind::Private, Kind::Direct][..])
}
fn any_role() -> impl Strategy<Value = Role> {
    prop::sample::select(&[Role::Member, Role::Moderator, Role::Owner][..])
}

/// Any command, with few different values, so that commands often meet.
fn any_command() -> impl Strategy<Value = Command> {
    let name = prop::sample::select(&["", "one", "two"][..]);
    let line = prop::sample::select(&["hi", "hi @mona", "@mia @olga, @sam", "bye"][..]);
    let people = prop::collection::vec(anybody(), 0..3);
    let number = 0_u64..5;
    let emoji = prop::sample::select(&["👍", "❤️"][..]);
    prop_oneof![
        1 => (any_kind(), name.clone(), people.clone()).prop_map(|(kind, name, people)| create(kind, name, &people)),
        1 => prop::sample::select(&["one", "two"][..]).prop_map(rename),
        1 => name.prop_map(set_topic),
        1 => Just(Command::Archive),
        2 => people.prop_map(|people| add(&people)),
        2 => Just(join()),
        3 => Just(Command::Leave),
        2 => anybody().prop_map(remove),
        4 => (anybody(), any_role()).prop_map(|(who, role)| change_role(who, role)),
        4 => line.clone().prop_map(send),
        2 => (line.clone(), number.clone()).prop_map(|(line, number)| reply(line, number)),
        2 => (number.clone(), line).prop_map(|(number, line)| edit(number, line)),
        1 => number.clone().prop_map(delete),
        3 => (number.clone(), emoji.clone()).prop_map(|(number, emoji)| react(number, emoji)),
        2 => (number, emoji).prop_map(|(number, emoji)| unreact(number, emoji)),
    ]
}

/// A room of any kind that is just there, in which everything can happen.
fn any_beginning() -> impl Strategy<Value = Scene> {
    any_kind().prop_map(|kind| match kind {
        Kind::Direct => Scene::nothing().given(MEMBER, create_direct(&[OTHER_MEMBER])),
        kind => Scene::nothing().given(OWNER, create(kind, "the hall", &[MEMBER])),
    })
}

fn invariants(scene: &Scene) {
    let Some(details) = &scene.room.details else {
        assert_eq!((scene.room.version, scene.room.members.len(), scene.messages.len()), (0, 0, 0));
        return;
    };
    let owners = scene.room.members.values().filter(|member| member.role == Role::Owner).count();
    match details.kind {
        Kind::Direct => assert!(owners == 0 && scene.room.members.len() == 2, "a direct room is between two"),
        Kind::Public | Kind::Private => assert!(owners >= 1, "a room has an owner"),
    }
    assert_ne!(details.status, Status::Closed, "no command of a person closes a room");
    assert!(scene.room.members.iter().all(|(id, member)| *id == member.user_id));
    assert!(scene.messages.keys().copied().eq(1..=scene.room.last_number), "numbers are dense from 1");
    assert!(scene.messages.iter().all(|(number, message)| *number == message.number));
    assert_eq!(scene.room.version, scene.history.len() as u64, "every event adds 1 to the version");
}

/// The scene that the events alone give, each of them by way of the log.
fn replayed(events: &[Event], times: usize) -> Scene {
    let mut scene = Scene::nothing();
    for (event, version) in events.iter().zip(1..) {
        let event = through_the_log(event.clone(), version);
        for _ in 0..times {
            scene.room.version = version - 1;
            scene.apply(event.clone());
        }
        scene.history.truncate(usize::try_from(version).unwrap());
    }
    scene
}

fn through_the_log(event: Event, version: u64) -> Event {
    let metadata = Metadata {
        id: Uuid::nil(),
        time: moment(version),
        epoch: 1,
        sequence: version,
        stream_version: version,
        command_id: CommandId::derived("test", "1"),
        command_hash: CommandHash::of(b""),
        actor: user(OWNER),
        correlation_id: Uuid::nil(),
        causation_id: None,
        traceparent: None,
    };
    let stream = StreamId::Room(RoomId::of_import("test", "room"));
    let record = Record::of_event(&Envelope { stream, metadata, event: domain::Event::Room(event) });
    assert_eq!(record.mark(), Mark::Numbered { epoch: 1, sequence: version });
    match record.decode(EventTopic::Rooms) {
        Ok(Entry::Event(Envelope { event: domain::Event::Room(event), .. })) => event,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn whatever_people_ask_for_the_room_stays_whole(
        beginning in any_beginning(),
        wishes in prop::collection::vec((anybody(), any_command()), 0..60),
    ) {
        let mut scene = beginning;
        for (who, command) in wishes {
            let before = scene.clone();
            let outcome = scene.when(who, &command);
            invariants(&scene);
            if !matches!(outcome, Ok(Decision::Event(_))) {
                prop_assert_eq!(&scene, &before, "only events change anything");
            }
            // A wish that came true is true: but what is said twice is said twice.
            if !matches!(command, Command::SendMessage { .. }) {
                let again = scene.decide(who, &command);
                prop_assert!(!matches!(again, Ok(Decision::Event(_))), "{} {:?} twice: {:?}", who, command, again);
            }
        }
        prop_assert_eq!(&replayed(&scene.history, 1), &scene, "the log alone gives the same room");
        prop_assert_eq!(&replayed(&scene.history, 2), &scene, "and so it does when every event comes twice");
    }

    #[test]
    fn before_it_is_created_a_room_is_not_there(who in anybody(), command in any_command()) {
        let mut scene = Scene::nothing();
        match scene.when(who, &command) {
            Err(refusal) if !matches!(command, Command::Create { .. }) => prop_assert_eq!(refusal.code(), "room-not-found"),
            outcome => prop_assert!(matches!(command, Command::Create { .. }), "{:?}", outcome),
        }
        invariants(&scene);
    }

    /// Events of a damaged log, of a later version, of anybody: evolving never panics, and the same event again changes nothing.
    #[test]
    fn evolve_takes_any_events_in_any_order(order in prop::collection::vec(0..samples::rooms().len(), 0..30)) {
        let (events, mut scene) = (samples::rooms(), Scene::nothing());
        for index in order {
            scene.apply(events[index].clone());
            let once = (scene.room.clone(), scene.messages.clone());
            scene.room.version -= 1;
            scene.apply(events[index].clone());
            prop_assert_eq!((scene.room.clone(), scene.messages.clone()), once);
        }
    }
}
