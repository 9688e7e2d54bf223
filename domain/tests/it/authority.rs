//! Who may ask for what at all; commands as JSON; the digest of what they ask.

use domain::command::{Body, Command, Facts};
use domain::ids::Pair;
use domain::room::{self, Kind};
use domain::saga::{SagaId, Step};
use domain::text::{StatusText, UserName};
use domain::{CommandHash, CommandId, NotAuthorised, RoomId, Scope, StreamId, Timestamp, relation, user};
use rstest::rstest;
use uuid::Uuid;

use crate::scene::{self, MEMBER, OTHER_MEMBER, OWNER, create, create_direct, edit, send, user as person};

const PERSON: Scope = Scope { import: false, admin: false, service: false };
const ADMIN: Scope = Scope { admin: true, ..PERSON };
const SERVICE: Scope = Scope { service: true, ..PERSON };
const IMPORT: Scope = Scope { import: true, ..PERSON };

fn id() -> CommandId {
    CommandId::from_uuid(Uuid::from_u128(7))
}
fn some_room() -> RoomId {
    RoomId::of_creation(&person(OWNER), id())
}
fn command(actor: &str, stream: StreamId, body: Body) -> Command {
    Command {
        hash: body.canonical_hash(&stream),
        stream,
        actor: person(actor),
        id: id(),
        traceparent: None,
        correlation_id: Uuid::from_u128(7),
        causation_id: None,
        body,
    }
}
fn of_room(actor: &str, body: room::Command) -> Command {
    command(actor, StreamId::Room(some_room()), Body::Room(body))
}
fn of_user(actor: &str, user: &str, body: user::Command) -> Command {
    command(actor, StreamId::User(person(user)), Body::User(body))
}
fn register() -> user::Command {
    user::Command::Register { user_name: UserName::parse("New").unwrap(), registered_at: None }
}
fn long_ago() -> Option<Timestamp> {
    Timestamp::from_millis(1_000).ok()
}

fn of_pair(actor: &str, [one, other]: [&str; 2], body: relation::Command) -> Command {
    command(actor, StreamId::Relation(Pair::of(&person(one), &person(other)).unwrap()), Body::Relation(body))
}
fn befriend() -> relation::Command {
    relation::Command::Befriend { facts: scene::facts(&[person(MEMBER)]) }
}

use NotAuthorised::{Closing, NotOneOfTheTwo, OnBehalf, Registration, SomebodyElse, StatedTime, WrongStream};
use relation::Command::Unfriend;

#[rstest]
//                                                             person               administrator        service           import
#[case::in_own_name(of_room(OWNER, send("a")), [Ok(()), Ok(()), Ok(()), Ok(())])]
#[case::for_another(of_room(MEMBER, send("a")), [Err(OnBehalf), Err(OnBehalf), Err(OnBehalf), Ok(())])]
#[case::own_profile(of_user(OWNER, OWNER, user::Command::Deactivate), [Ok(()), Ok(()), Ok(()), Ok(())])]
#[case::others_profile(of_user(OWNER, MEMBER, user::Command::Deactivate), [Err(SomebodyElse); 4])]
#[case::for_anothers_profile(
    of_user(MEMBER, MEMBER, user::Command::ChangeProfile { user_name: None, status_text: None }),
    [Err(OnBehalf), Err(OnBehalf), Err(OnBehalf), Ok(())]
)]
#[case::deactivate_another(
    of_user(MEMBER, MEMBER, user::Command::Deactivate), [Err(OnBehalf), Err(OnBehalf), Ok(()), Ok(())]
)]
#[case::register(of_user(OWNER, "new", register()), [Err(Registration), Err(Registration), Ok(()), Ok(())])]
#[case::register_in_its_name(of_user("new", "new", register()), [Err(Registration), Err(Registration), Ok(()), Ok(())])]
#[case::register_for_a_third(of_user(MEMBER, "new", register()), [Err(Registration), Err(Registration), Err(OnBehalf), Ok(())])]
#[case::a_user_command_to_a_room(
    command(OWNER, StreamId::Room(some_room()), Body::User(user::Command::Deactivate)), [Err(WrongStream); 4]
)]
#[case::a_room_command_to_a_user(
    command(OWNER, StreamId::User(person(OWNER)), Body::Room(room::Command::Leave)), [Err(WrongStream); 4]
)]
#[case::close(of_room(OWNER, room::Command::Close), [Err(Closing), Err(Closing), Ok(()), Err(Closing)])]
#[case::reopen_for_another(of_room(MEMBER, room::Command::Reopen), [Err(Closing), Err(Closing), Ok(()), Err(Closing)])]
#[case::leave_for_another(of_room(MEMBER, room::Command::Leave), [Err(OnBehalf), Err(OnBehalf), Ok(()), Ok(())])]
#[case::hand_over_for_another(
    of_room(MEMBER, scene::change_role(OWNER, room::Role::Owner)), [Err(OnBehalf), Err(OnBehalf), Ok(()), Ok(())]
)]
#[case::befriend(of_pair(OWNER, [OWNER, MEMBER], befriend()), [Ok(()), Ok(()), Ok(()), Ok(())])]
#[case::befriend_for_another(of_pair(MEMBER, [OWNER, MEMBER], befriend()), [Err(OnBehalf), Err(OnBehalf), Err(OnBehalf), Ok(())])]
#[case::unfriend_for_another(of_pair(MEMBER, [OWNER, MEMBER], Unfriend), [Err(OnBehalf), Err(OnBehalf), Err(OnBehalf), Ok(())])]
#[case::between_two_others(of_pair(OWNER, [OTHER_MEMBER, MEMBER], Unfriend), [Err(NotOneOfTheTwo); 4])]
#[case::a_relation_command_to_a_user(
    command(OWNER, StreamId::User(person(OWNER)), Body::Relation(Unfriend)), [Err(WrongStream); 4]
)]
#[case::create(of_room(OWNER, create(Kind::Public, "a", &[])), [Ok(()), Ok(()), Ok(()), Ok(())])]
#[case::create_under_another_id(
    command(OWNER, StreamId::Room(RoomId::of_import("a", "b")), Body::Room(create(Kind::Private, "a", &[]))),
    [Err(WrongStream), Err(WrongStream), Err(WrongStream), Ok(())]
)]
#[case::create_under_a_direct_rooms_id(
    command(
        OWNER,
        StreamId::Room(RoomId::of_direct(&person(MEMBER), &person(OTHER_MEMBER))),
        Body::Room(create(Kind::Public, "a", &[]))
    ),
    [Err(WrongStream), Err(WrongStream), Err(WrongStream), Ok(())]
)]
#[case::direct(
    command(OWNER, StreamId::Room(RoomId::of_direct(&person(MEMBER), &person(OWNER))), Body::Room(create_direct(&[MEMBER, OWNER]))),
    [Ok(()), Ok(()), Ok(()), Ok(())]
)]
#[case::direct_under_another_id(of_room(OWNER, create_direct(&[MEMBER])), [Err(WrongStream); 4])]
fn who_may_ask(#[case] command: Command, #[case] expected: [Result<(), NotAuthorised>; 4]) {
    let found = [PERSON, ADMIN, SERVICE, IMPORT].map(|scope| command.authorise(&person(OWNER), scope));
    assert_eq!(found, expected, "{command:?}");
}

#[test]
fn only_imports_state_times() {
    let mut created = create(Kind::Public, "a", &[]);
    if let room::Command::Create { created_at, .. } = &mut created {
        *created_at = long_ago();
    }
    let user_name = UserName::parse("New").unwrap();
    for command in [
        of_room(OWNER, created),
        of_room(OWNER, room::Command::Join { joined_at: long_ago() }),
        of_room(OWNER, room::Command::AddMembers { users: Vec::new(), joined_at: long_ago(), facts: Facts::default() }),
        of_room(
            OWNER,
            room::Command::SendMessage {
                text: scene::text("a"),
                reply_to: None,
                mentions: Vec::new(),
                facts: Facts::default(),
                sent_at: long_ago(),
            },
        ),
        of_user(OWNER, OWNER, user::Command::Register { user_name, registered_at: long_ago() }),
    ] {
        for scope in [PERSON, ADMIN, SERVICE] {
            assert_eq!(command.authorise(&person(OWNER), scope), Err(StatedTime), "{command:?}");
        }
        assert_eq!(command.authorise(&person(OWNER), IMPORT), Ok(()), "{command:?}");
    }
}

#[test]
fn the_ids_of_sagas_and_imports_are_theirs_alone() {
    let by = |id: &str| Command { id: id.parse().unwrap(), ..of_room(OWNER, send("a")) };
    let saga = SagaId::of_direct_room(&Pair::of(&person(OWNER), &person(MEMBER)).unwrap());
    let derived = by(&saga.command(&Step::CloseRoom(some_room(), 1)).to_string());
    for scope in [PERSON, ADMIN] {
        assert_eq!(derived.authorise(&person(OWNER), scope), Err(NotAuthorised::DerivedId));
        for free in ["01890a5d-ac96-774b-bcce-b302099a8057", "5f0c8d3a-9a41-4c1e-8f52-0d4a7f1b2c3d"] {
            assert_eq!(by(free).authorise(&person(OWNER), scope), Ok(()), "{free}");
        }
    }
    for scope in [SERVICE, IMPORT] {
        assert_eq!(derived.authorise(&person(OWNER), scope), Ok(()));
    }
}

/// One of each, with every field set.
fn one_of_each() -> Vec<Command> {
    let numbered = |actor: &str| of_room(OWNER, room::Command::RemoveMember { user: person(actor) });
    let mut created = create(Kind::Private, "a", &[MEMBER]);
    if let room::Command::Create { created_at, .. } = &mut created {
        *created_at = long_ago();
    }
    let named = room::Command::SendMessage {
        text: scene::text("@mia hello"),
        reply_to: Some(1),
        mentions: vec![person(MEMBER)],
        facts: scene::facts(&[person(MEMBER)]),
        sent_at: long_ago(),
    };
    let mut traced = numbered(MEMBER);
    traced.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    traced.causation_id = Some(Uuid::from_u128(8));
    let status_text = StatusText::parse("away").ok();
    vec![
        traced,
        of_room(OWNER, created),
        of_room(OWNER, scene::rename("b")),
        of_room(OWNER, scene::set_topic("b")),
        of_room(OWNER, room::Command::Archive),
        of_room(OWNER, room::Command::Close),
        of_room(OWNER, room::Command::Reopen),
        of_room(OWNER, scene::add(&[MEMBER])),
        of_room(OWNER, room::Command::Join { joined_at: long_ago() }),
        of_room(OWNER, room::Command::Leave),
        of_room(OWNER, scene::change_role(MEMBER, room::Role::Moderator)),
        of_room(OWNER, named),
        of_room(OWNER, edit(1, "b")),
        of_room(OWNER, scene::delete(1)),
        of_room(OWNER, scene::react(1, "👍")),
        of_room(OWNER, scene::unreact(1, "👍")),
        of_user(OWNER, "new", register()),
        of_user(OWNER, OWNER, user::Command::ChangeProfile { user_name: UserName::parse("New").ok(), status_text }),
        of_user(OWNER, OWNER, user::Command::SetMuted { room: some_room(), muted: true }),
        of_user(OWNER, OWNER, user::Command::SetVisibility { presence_hidden: true }),
        of_user(OWNER, OWNER, user::Command::Deactivate),
        of_pair(OWNER, [OWNER, MEMBER], befriend()),
        of_pair(OWNER, [OWNER, MEMBER], Unfriend),
        of_pair(OWNER, [OWNER, MEMBER], relation::Command::Block { facts: scene::facts(&[person(MEMBER)]) }),
        of_pair(OWNER, [OWNER, MEMBER], relation::Command::Unblock),
    ]
}

#[test]
fn commands_travel_as_json() {
    for command in one_of_each() {
        let json = serde_json::to_string(&command).unwrap();
        assert_eq!(serde_json::from_str::<Command>(&json).unwrap(), command, "{json}");
    }
}

#[test]
fn half_of_a_wish_is_not_executed() {
    let json = serde_json::to_string(&of_room(OWNER, send("hello"))).unwrap();
    for (from, to) in [
        (r#""sendMessage":{"#, r#""sendMessage":{"priority":"high","#),
        (r#"{"stream""#, r#"{"deadline":1,"stream""#),
        (r#""sendMessage""#, r#""shoutMessage""#),
        (r#""actor":"olga""#, r#""actor":"a b""#),
    ] {
        let changed = json.replacen(from, to, 1);
        assert_ne!(changed, json);
        assert!(serde_json::from_str::<Command>(&changed).is_err(), "{changed}");
    }
}

#[test]
fn the_digest_tells_wishes_apart_and_leaves_out_what_the_edge_adds() {
    let digest = |body: room::Command| Body::Room(body).canonical_hash(&StreamId::Room(some_room()));
    let with_facts = create(Kind::Public, "a", &[MEMBER]);
    let mut without = with_facts.clone();
    if let room::Command::Create { facts, .. } = &mut without {
        *facts = Facts::default();
    }
    assert_eq!(digest(with_facts), digest(without));

    let mut without = send("hello @mia");
    if let room::Command::SendMessage { mentions, facts, .. } = &mut without {
        mentions.clear();
        *facts = Facts::default();
    }
    assert_eq!(digest(send("hello @mia")), digest(without));
    let (known, unknown) = (befriend(), relation::Command::Befriend { facts: Facts::default() });
    let of_pair = |body| of_pair(OWNER, [OWNER, MEMBER], body).hash;
    assert_eq!(of_pair(known), of_pair(unknown));

    let all = one_of_each();
    for (at, one) in all.iter().enumerate() {
        for other in all.iter().skip(at + 1) {
            assert_ne!(one.hash, other.hash, "{one:?} {other:?}");
        }
    }
    let elsewhere = StreamId::Room(RoomId::of_import("a", "b"));
    assert_ne!(digest(send("hello")), Body::Room(send("hello")).canonical_hash(&elsewhere));
}

/// Digests stand in the log and are compared across versions of this program. Where one of these changes, repeats of commands
/// from before an upgrade are refused as "another request".
#[test]
fn digests_stay_what_they_are() {
    let digest = |command: Command| command.body.canonical_hash(&command.stream);
    let known: Vec<CommandHash> = [
        of_room(OWNER, send("hello @mia")),
        of_room(OWNER, create(Kind::Public, "a", &[MEMBER])),
        of_room(OWNER, room::Command::Leave),
        of_user(OWNER, OWNER, user::Command::SetMuted { room: some_room(), muted: true }),
    ]
    .map(digest)
    .to_vec();
    let expected: Vec<CommandHash> = [
        "1518d0cddcf8a8d3f07bef3d6c1d7eb1",
        "da3b4ce0b65558ccedc4692943cf4759",
        "38c066165eb3214350051a8b5629d4ad",
        "c42357ee72a56092a03b3c1c118c8fdc",
    ]
    .iter()
    .map(|digest| digest.parse().unwrap())
    .collect();
    assert_eq!(known, expected);
}

#[test]
fn a_digest_has_one_spelling() {
    let digest = CommandHash::of(b"a");
    assert_eq!(digest.to_string().parse(), Ok(digest));
    assert_eq!(CommandHash::from_bytes(*digest.as_bytes()), digest);
    for raw in ["", "+", &digest.to_string().to_uppercase(), &digest.to_string()[1..], &format!("+{}", &digest.to_string()[1..])]
    {
        assert!(raw.parse::<CommandHash>().is_err(), "{raw}");
    }
}
