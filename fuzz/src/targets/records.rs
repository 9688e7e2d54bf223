//! Records of the log. The input: a line with the key, a line for each header (`name: value`), an empty line, the value. Of a line
//! that has no colon the whole is a name.

use std::borrow::Cow;

use domain::ids::EventTopic;
use domain::relation::Relation;
use domain::room::{Message, Room};
use domain::user::User;
use domain::wire::{DecodeError, Entry, Record};
use domain::{Cursor, Envelope, Event};

/// The longest error that may be kept or logged: it is said of what anybody may have written.
const ERROR_BYTES_MAX: usize = 2_000;

pub fn run(input: &[u8]) -> String {
    let record = parse(input);
    let mark = record.mark();
    let mut cursor = Cursor { epoch: 1, sequence: 7 };
    let before = cursor;
    let verdict = cursor.accept(mark);
    assert!(cursor.epoch >= before.epoch && cursor.sequence >= before.sequence, "went back: {before:?} {cursor:?}");
    let mut told = format!("{verdict:?}");
    for topic in EventTopic::ALL {
        match record.decode(topic) {
            Ok(Entry::Event(envelope)) => told.push_str(&event(&envelope, topic)),
            Ok(Entry::Claim { .. }) => told.push_str(" claim"),
            Ok(Entry::Barrier) => told.push_str(" barrier"),
            Err(error) => {
                let shown = error.to_string();
                assert!(shown.len() <= ERROR_BYTES_MAX, "an error of {} bytes", shown.len());
                told.push_str(match error {
                    DecodeError::MissingHeader(name) | DecodeError::BadHeader(name) => name,
                    DecodeError::Misplaced => " misplaced",
                    DecodeError::UnknownType(_) => " unknown",
                    DecodeError::BadBody { .. } => " bad body",
                });
            }
        }
    }
    told
}

fn parse(input: &[u8]) -> Record {
    let (head, value) = match input.windows(2).position(|two| two == b"\n\n") {
        Some(end) => (input.get(..end).unwrap_or_default(), input.get(end + 2..).unwrap_or_default()),
        None => (input, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let key = lines.next().unwrap_or_default().to_vec();
    let header = |line: &[u8]| {
        let (name, value) = match line.iter().position(|byte| *byte == b':') {
            Some(colon) => line.split_at(colon),
            None => (line, &[][..]),
        };
        let value = value.get(1..).unwrap_or_default().trim_ascii_start();
        (Cow::Owned(String::from_utf8_lossy(name).into_owned()), value.to_vec())
    };
    Record { key, headers: lines.map(header).collect(), value: value.to_vec() }
}

/// What was read is written as it would be, and reads back as the same; and it can be applied, twice, to nothing and to itself.
fn event(envelope: &Envelope, topic: EventTopic) -> String {
    let written = Record::of_event(envelope);
    let again = written.decode(topic);
    assert_eq!(again, Ok(Entry::Event(envelope.clone())), "reads back as another");
    let version = envelope.metadata.stream_version;
    match &envelope.event {
        Event::User(event) => {
            let mut user = User::default();
            user.evolve(event, version, envelope.metadata.command_id);
            let once = user.clone();
            user.evolve(event, version, envelope.metadata.command_id);
            assert_eq!(user, once, "twice is not once");
        }
        Event::Relation(event) => {
            let mut relation = Relation::default();
            relation.evolve(event, version);
            let once = relation.clone();
            relation.evolve(event, version);
            assert_eq!(relation, once, "twice is not once");
        }
        Event::Room(event) => {
            let mut room = Room::default();
            room.evolve(event, version);
            let once = room.clone();
            room.evolve(event, version);
            assert_eq!(room, once, "twice is not once");
            let message = Message::evolve(None, event);
            assert_eq!(Message::evolve(message.clone(), event), message, "twice is not once");
        }
    }
    format!(" {}", envelope.event.type_name())
}
