//! One event of every type, with every field set: what the golden files hold. The values are written out in full, so that a new
//! field does not compile here before somebody has thought about its stored form.

use domain::ids::{CommandHash, CommandId, EventTopic, Pair, PartitionId, RoomId, StreamId};
use domain::relation::{Blocked, Step, Unblocked};
use domain::room::{
    Details, DetailsPersonal, Event, Kind, Member, MemberGone, MembersAdded, MessageDeleted, MessageEdited, MessageFacts,
    MessagePersonal, MessageSent, Reaction, Role, RoomCreated, Status,
};
use domain::text::{Emoji, RoomName, StatusText, Topic, UserName};
use domain::user::{Deactivated, MuteChanged, Profile, ProfilePersonal, VisibilityChanged};
use domain::wire::{Claim, Record, event_id};
use domain::{Envelope, Metadata, Timestamp, relation, user};
use uuid::Uuid;

use crate::scene::{moment, text, user as person, users};

pub const PARTITION: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 3 };

fn room_id() -> RoomId {
    RoomId::of_import("golden", "room")
}

fn details(status: Status) -> Details {
    Details {
        kind: Kind::Public,
        status,
        created_by: person("alice"),
        created_at: moment(1),
        personal: DetailsPersonal {
            name: RoomName::parse("사랑방 \"hall\"").ok(),
            topic: Topic::parse("tea\nand talk").unwrap(),
        },
    }
}

fn member(id: &str, role: Role) -> Member {
    Member { user_id: person(id), role, joined_at: moment(2) }
}

fn message() -> MessageFacts {
    MessageFacts {
        number: 7,
        author: person("길동"),
        sent_at: moment(3),
        reply_to: Some(5),
        mentions: users(&["alice", "bob"]),
        edited_at: Some(moment(4)),
        personal: MessagePersonal { text: text("안녕 @alice,\t\"@bob\"\n👋") },
    }
}

fn plain_message() -> MessageFacts {
    MessageFacts { reply_to: None, mentions: Vec::new(), edited_at: None, ..message() }
}

fn reaction(message: MessageFacts) -> Reaction {
    Reaction { message, user_id: person("bob"), emoji: Emoji::parse("❤️").unwrap() }
}

fn deleted(reply_to: Option<u64>) -> MessageDeleted {
    MessageDeleted {
        number: 7,
        author: person("길동"),
        sent_at: moment(3),
        reply_to,
        deleted_by: person("alice"),
        deleted_at: moment(5),
    }
}

fn profile(status: &str) -> Profile {
    Profile {
        registered_at: Timestamp::from_millis(1_100_521_080_000).unwrap(),
        personal: ProfilePersonal {
            user_name: UserName::parse("Alice Kim").unwrap(),
            status_text: StatusText::parse(status).unwrap(),
        },
    }
}

fn users_events() -> Vec<(&'static str, user::Event)> {
    vec![
        ("", user::Event::Registered(profile(""))),
        ("", user::Event::ProfileChanged(profile("away"))),
        ("", user::Event::MuteChanged(MuteChanged { room_id: room_id(), muted: true })),
        ("", user::Event::VisibilityChanged(VisibilityChanged { presence_hidden: true })),
        ("", user::Event::Deactivated(Deactivated { deactivated_at: moment(9) })),
    ]
}

fn relation_events() -> Vec<relation::Event> {
    use relation::Event;
    let step = || Step { by: person("alice"), other: person("길동"), at: moment(6) };
    vec![
        Event::FriendRequested(step()),
        Event::FriendAccepted(step()),
        Event::FriendDeclined(step()),
        Event::FriendRemoved(step()),
        Event::Blocked(Blocked { step: step(), mutual: true }),
        Event::Unblocked(Unblocked { step: step(), still_blocked: true }),
    ]
}

/// Every type with every field set; then, marked `.plain`, those with optional fields once more without them.
fn rooms_events() -> Vec<(&'static str, Event)> {
    let direct = Details {
        kind: Kind::Direct,
        personal: DetailsPersonal { name: None, topic: Topic::default() },
        ..details(Status::Open)
    };
    let members = vec![member("alice", Role::Owner), member("bob", Role::Moderator), member("길동", Role::Member)];
    let pair = vec![member("alice", Role::Member), member("bob", Role::Member)];
    vec![
        ("", Event::Created(RoomCreated { details: details(Status::Open), members })),
        ("", Event::Renamed(details(Status::Open))),
        ("", Event::TopicSet(details(Status::Open))),
        ("", Event::Archived(details(Status::Archived))),
        ("", Event::Closed(Details { status: Status::Closed, ..direct.clone() })),
        ("", Event::Reopened(direct.clone())),
        ("", Event::MembersAdded(MembersAdded { members: vec![member("bob", Role::Member), member("carol", Role::Member)] })),
        ("", Event::MemberJoined(member("bob", Role::Member))),
        ("", Event::MemberLeft(MemberGone { user_id: person("bob") })),
        ("", Event::MemberRemoved(MemberGone { user_id: person("bob") })),
        ("", Event::RoleChanged(member("bob", Role::Moderator))),
        ("", Event::MessageSent(MessageSent { message: message() })),
        ("", Event::MessageEdited(MessageEdited { message: message(), mentions_dropped: users(&["carol"]) })),
        ("", Event::MessageDeleted(deleted(Some(5)))),
        ("", Event::ReactionAdded(reaction(message()))),
        ("", Event::ReactionRemoved(reaction(message()))),
        (".plain", Event::Created(RoomCreated { details: direct, members: pair })),
        (".plain", Event::MessageSent(MessageSent { message: plain_message() })),
        (".plain", Event::MessageEdited(MessageEdited { message: plain_message(), mentions_dropped: Vec::new() })),
        (".plain", Event::MessageDeleted(deleted(None))),
        (".plain", Event::ReactionAdded(reaction(plain_message()))),
        (".plain", Event::ReactionRemoved(reaction(plain_message()))),
    ]
}

/// One room event of every type.
pub fn rooms() -> Vec<Event> {
    rooms_events().into_iter().map(|(_, event)| event).collect()
}

/// The records of the golden files, each with the file's name.
pub fn records() -> Vec<(String, Record)> {
    let claim = Claim { claim_id: Uuid::from_u128(1), node: "node-1".to_owned(), url: "http://127.0.0.1:8081".to_owned() };
    let mut records = vec![
        (domain::wire::CLAIMED.to_owned(), Record::of_claim(PARTITION, 4, &claim, moment(1))),
        (domain::wire::BARRIER.to_owned(), Record::of_barrier(PARTITION, 4, 12, moment(1))),
    ];
    let users = users_events().into_iter().map(|(suffix, event)| {
        (suffix, envelope(StreamId::User(person("alice")), EventTopic::Users, domain::Event::User(event), suffix.is_empty()))
    });
    let rooms = rooms_events().into_iter().map(|(suffix, event)| {
        (suffix, envelope(StreamId::Room(room_id()), EventTopic::Rooms, domain::Event::Room(event), suffix.is_empty()))
    });
    let pair = Pair::of(&person("alice"), &person("길동")).unwrap();
    let relations = relation_events()
        .into_iter()
        .map(|event| ("", envelope(StreamId::Relation(pair.clone()), EventTopic::Users, domain::Event::Relation(event), true)));
    for (suffix, envelope) in users.chain(relations).chain(rooms) {
        records.push((format!("{}{suffix}", envelope.event.type_name()), Record::of_event(&envelope)));
    }
    records
}

fn envelope(stream: StreamId, topic: EventTopic, event: domain::Event, full: bool) -> Envelope {
    let metadata = Metadata {
        id: event_id(PartitionId { topic, number: 3 }, 4, 11),
        time: moment(5),
        epoch: 4,
        sequence: 11,
        stream_version: 9,
        command_id: CommandId::from_uuid(Uuid::from_u128(0x0189_0a5d_ac96_774b_bcce_b302_099a_8057)),
        command_hash: CommandHash::of(b"golden"),
        actor: person(if full { "alice" } else { "길동" }),
        correlation_id: Uuid::from_u128(2),
        causation_id: full.then(|| Uuid::from_u128(3)),
        traceparent: full.then(|| "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    };
    Envelope { stream, metadata, event }
}
