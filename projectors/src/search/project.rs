//! Events to documents. Pure, and the same for every index.

use domain::{Envelope, Event, StreamId, room, user};
use infra::search::{Document, Message, Person};

/// The document that `envelope` makes; nothing for what the index does not hold.
#[must_use]
pub fn project(envelope: &Envelope) -> Option<Document> {
    let version = envelope.metadata.sequence;
    match (&envelope.stream, &envelope.event) {
        (StreamId::User(user), Event::User(user::Event::Registered(profile))) => {
            Some(Document::Person(Person { user: user.clone(), registered_at: profile.registered_at, version }))
        }
        (StreamId::Room(room), Event::Room(event)) => {
            let of_facts = |facts: &room::MessageFacts| Message {
                room: *room,
                number: facts.number,
                author: facts.author.clone(),
                sent_at: facts.sent_at,
                text: Some(facts.personal.text.to_string()),
                mentions: facts.mentions.clone(),
                edited_at: facts.edited_at,
                version,
            };
            let message = match event {
                room::Event::MessageSent(sent) => of_facts(&sent.message),
                room::Event::MessageEdited(edited) => of_facts(&edited.message),
                room::Event::MessageDeleted(deleted) => Message {
                    room: *room,
                    number: deleted.number,
                    author: deleted.author.clone(),
                    sent_at: deleted.sent_at,
                    text: None,
                    mentions: Vec::new(),
                    edited_at: None,
                    version,
                },
                // A reaction carries the message too, as it was: nothing about it is new.
                _ => return None,
            };
            Some(Document::Message(message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::room::{MessageDeleted, MessageEdited, MessageFacts, MessagePersonal, MessageSent, Reaction};
    use domain::text::{Emoji, MessageText};
    use domain::{CommandHash, CommandId, Metadata, RoomId, Timestamp, UserId};
    use uuid::Uuid;

    use super::*;

    fn facts(text: &str) -> MessageFacts {
        MessageFacts {
            number: 7,
            author: UserId::parse("olga").unwrap(),
            sent_at: Timestamp::from_millis(10).unwrap(),
            reply_to: None,
            mentions: vec![UserId::parse("mia").unwrap()],
            edited_at: None,
            personal: MessagePersonal { text: MessageText::parse(text).unwrap() },
        }
    }

    fn document(event: room::Event) -> Option<Document> {
        let metadata = Metadata {
            id: Uuid::nil(),
            time: Timestamp::from_millis(99).unwrap(),
            epoch: 3,
            sequence: 42,
            stream_version: 5,
            command_id: CommandId::from_uuid(Uuid::nil()),
            command_hash: CommandHash::of(b""),
            actor: UserId::parse("milo").unwrap(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            traceparent: None,
        };
        project(&Envelope { stream: StreamId::Room(RoomId::from_uuid(Uuid::nil())), metadata, event: Event::Room(event) })
    }

    #[test]
    fn messages_are_whole_and_dated_by_their_sending() {
        let Some(Document::Message(sent)) = document(room::Event::MessageSent(MessageSent { message: facts("hi") })) else {
            panic!("a message")
        };
        assert_eq!((sent.version, sent.sent_at.as_millis(), sent.text.as_deref()), (42, 10, Some("hi")));
        let edited = MessageEdited { message: facts("ho"), mentions_dropped: Vec::new() };
        let edited = document(room::Event::MessageEdited(edited));
        assert_eq!(edited, Some(Document::Message(Message { text: Some("ho".to_owned()), ..sent.clone() })));
        let deleted = MessageDeleted {
            number: 7,
            author: sent.author.clone(),
            sent_at: sent.sent_at,
            reply_to: None,
            deleted_by: sent.author.clone(),
            deleted_at: Timestamp::from_millis(50).unwrap(),
        };
        let without_text = Message { text: None, mentions: Vec::new(), ..sent };
        assert_eq!(document(room::Event::MessageDeleted(deleted)), Some(Document::Message(without_text)));
        let emoji = Emoji::parse("👍").unwrap();
        let reaction = Reaction { message: facts("hi"), user_id: UserId::parse("mia").unwrap(), emoji };
        assert_eq!(document(room::Event::ReactionAdded(reaction)), None);
    }
}
