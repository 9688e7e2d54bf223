//! The orchestrator is killed between every two things that it does, one run for each such moment, and started again. Each saga ends as
//! if nothing had happened: in exactly one way, with every command executed once.

use domain::ids::Pair;
use domain::relation::{self, Blocked, Unblocked};
use domain::room::{self, Details, DetailsPersonal, Kind, Member, Role, RoomCreated, Status};
use domain::saga::{DeactivationRequested, Message, RegistrationPersonal, RegistrationRequested, SagaId};
use domain::text::{RoomName, Topic, UserName};
use domain::{RoomId, Timestamp, user};
use infra::saga_state::Progress;
use orchestrator::testing::Moments;
use uuid::Uuid;

use crate::system::{State, id};
use crate::world::World;

/// Kills at each moment in turn until a run has fewer of them, with `ask` before and `check` after. Gives how many there are.
async fn at_every_moment(ask: impl AsyncFn(&World), check: impl Fn(&State, &[Progress])) -> usize {
    for fatal in 1.. {
        let world = World::new().await;
        ask(&world).await;
        let moments = Moments::new(fatal);
        world.run(&moments).await;
        let killed = moments.dead();
        world.run(&Moments::new(0)).await;
        let progress: Vec<Progress> = world.all().await.iter().map(|saga| saga.progress).collect();
        let state = world.system.state();
        assert!(state.executed.values().all(|times| *times == 1), "killed at {fatal}: a command was executed twice");
        check(&state, &progress);
        if !killed {
            return fatal - 1;
        }
    }
    unreachable!("a run has an end")
}

async fn register(world: &World, name: &str, key: u128) {
    let user_id = id(name);
    let saga = SagaId::of_registration(&user_id, Uuid::from_u128(key));
    let personal = RegistrationPersonal { user_name: UserName::parse(name).unwrap() };
    world.ask(saga, Message::RegistrationRequested(RegistrationRequested { user_id, personal })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_ends_with_the_person_in_the_log_and_told() {
    let moments = at_every_moment(
        async |world| register(world, "ann", 1).await,
        |state, progress| {
            assert_eq!(progress, [Progress::Completed]);
            assert!(state.users[&id("ann")].profile.is_some());
            assert!(matches!(state.told.values().collect::<Vec<_>>()[..], [Message::PersonRegistered(_)]), "{:?}", state.told);
        },
    )
    .await;
    assert!(moments >= 10, "there are more moments than {moments}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_of_a_taken_id_ends_with_nothing_but_the_refusal() {
    let before = async |world: &World| {
        let taken = user::Profile {
            registered_at: Timestamp::default(),
            personal: user::ProfilePersonal {
                user_name: UserName::parse("Another").unwrap(),
                status_text: domain::text::StatusText::default(),
            },
        };
        let command = domain::CommandId::from_uuid(Uuid::from_u128(99));
        world.system.state().users.entry(id("ann")).or_default().evolve(&user::Event::Registered(taken), 1, command);
        register(world, "ann", 1).await;
    };
    at_every_moment(before, |state, progress| {
        assert_eq!(progress, [Progress::Compensated]);
        assert!(state.executed.is_empty());
        let told: Vec<_> = state.told.values().collect();
        assert!(
            matches!(told[..], [Message::RegistrationRefused(refused)] if refused.reason.as_str() == "user-exists"),
            "{told:?}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_registrations_of_one_id_one_is_refused() {
    let before = async |world: &World| {
        register(world, "ann", 1).await;
        register(world, "ann", 2).await;
    };
    at_every_moment(before, |state, progress| {
        let mut progress = progress.to_vec();
        progress.sort_by_key(|progress| progress.word());
        assert_eq!(progress, [Progress::Compensated, Progress::Completed]);
        assert_eq!((state.executed.len(), state.told.len()), (1, 2));
    })
    .await;
}

fn room(n: u128) -> RoomId {
    RoomId::from_uuid(Uuid::from_u128(n))
}
fn created(kind: Kind, members: &[(&str, Role)]) -> room::Event {
    let name = (kind != Kind::Direct).then(|| RoomName::parse("hall").unwrap());
    let personal = DetailsPersonal { name, topic: Topic::default() };
    let details = Details { kind, status: Status::Open, created_by: id("ann"), created_at: Timestamp::default(), personal };
    let member = |(place, (name, role)): (usize, &(&str, Role))| {
        let joined_at = Timestamp::from_millis(i64::try_from(place).unwrap()).unwrap();
        Member { user_id: id(name), role: *role, joined_at }
    };
    room::Event::Created(RoomCreated { details, members: members.iter().enumerate().map(member).collect() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_for_good_leaves_every_room_hands_over_and_archives() {
    let pair = Pair::of(&id("ann"), &id("bob")).unwrap();
    let [one, other] = pair.both();
    let direct = RoomId::of_direct(one, other);
    let before = async |world: &World| {
        register(world, "ann", 1).await;
        world.run(&Moments::new(0)).await;
        {
            let mut state = world.system.state();
            state.told.clear();
            state.room(room(1), &created(Kind::Public, &[("bob", Role::Owner), ("ann", Role::Member)]));
            let moderated = [("ann", Role::Owner), ("bob", Role::Member), ("mona", Role::Moderator), ("max", Role::Moderator)];
            state.room(room(2), &created(Kind::Private, &moderated));
            state.room(room(3), &created(Kind::Private, &[("ann", Role::Owner), ("bob", Role::Member)]));
            state.room(direct, &created(Kind::Direct, &[("ann", Role::Member), ("bob", Role::Member)]));
        }
        let user_id = id("ann");
        let saga = SagaId::of_deactivation(&user_id);
        world.ask(saga, Message::DeactivationRequested(DeactivationRequested { user_id })).await;
    };
    at_every_moment(before, |state, progress| {
        assert_eq!(progress, [Progress::Completed; 2]);
        assert!(state.users[&id("ann")].deactivated);
        let mut left = vec![room(3), direct];
        left.sort();
        assert_eq!(state.rooms_of(&id("ann")), left, "an archived room and a direct one stay as they are");
        assert_eq!(state.rooms[&room(2)].members[&id("mona")].role, Role::Owner, "the moderator who joined first");
        assert_eq!(state.rooms[&room(3)].details.as_ref().unwrap().status, Status::Archived);
        assert!(matches!(state.told.values().collect::<Vec<_>>()[..], [Message::PersonDeactivated(_)]), "{:?}", state.told);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_direct_room_is_as_the_latest_word_between_its_two_wants_it() {
    let pair = Pair::of(&id("ann"), &id("bob")).unwrap();
    let [one, other] = pair.both();
    let direct = RoomId::of_direct(one, other);
    let step = |by: &str, other: &str| relation::Step { by: id(by), other: id(other), at: Timestamp::default() };
    let blocked = || relation::Event::Blocked(Blocked { step: step("bob", "ann"), mutual: false });
    let unblocked = || relation::Event::Unblocked(Unblocked { step: step("bob", "ann"), still_blocked: false });
    let ends = [
        (vec![blocked()], Status::Closed),
        (vec![blocked(), unblocked()], Status::Open),
        (vec![blocked(), unblocked(), blocked()], Status::Closed),
    ];
    for (events, status) in ends {
        let before = async |world: &World| {
            let members = [("ann", Role::Member), ("bob", Role::Member)];
            world.system.state().room(direct, &created(Kind::Direct, &members));
            world.happened(&pair, events.clone()).await;
        };
        at_every_moment(before, |state, progress| {
            assert_eq!(progress, [Progress::Resting]);
            assert_eq!(state.rooms[&direct].details.as_ref().unwrap().status, status);
        })
        .await;
    }
}
