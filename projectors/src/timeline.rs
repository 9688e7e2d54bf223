//! The timeline projection: events to rows. Pure, and the same for every database.
//!
//! Every row is a whole row and carries the version of the stream that made it, so that it can be applied any number of times.
//! Events of one stream must come in order; then the rows of a batch do not depend on where batches are cut.

use std::collections::btree_map::Entry;

use domain::room::{Details, Member, MessageDeleted, MessageFacts, Reaction};
use domain::{Envelope, Event, RoomId, StreamId, Timestamp, UserId, relation, room, user};
use infra::read_model::{
    Changes, DeactivationRow, Friendship, MemberRow, MentionRow, MessageRow, MuteRow, ReactionRow, ReadRow, RelationRow,
    RoomHeadRow, RoomRow, UserRow, VisibilityRow,
};

/// Adds what `envelope` changes to `changes`.
pub fn project(envelope: &Envelope, changes: &mut Changes) {
    let version = envelope.metadata.stream_version;
    match (&envelope.stream, &envelope.event) {
        (StreamId::User(user), Event::User(event)) => of_user(user, event, version, changes),
        (StreamId::Room(room), Event::Room(event)) => RoomProjection { room: *room, version, changes }.apply(event),
        (StreamId::Relation(_), Event::Relation(event)) => of_relation(event, version, changes),
        // The decoder takes the stream from the topic and the event from its type: an event of one aggregate on the stream of
        // another says nothing about it, and changes nothing.
        (StreamId::User(_) | StreamId::Relation(_) | StreamId::Room(_), _) => {}
    }
}

/// `user` has read `room` up to `number`, or further.
pub fn read(room: RoomId, user: &UserId, number: u64, changes: &mut Changes) {
    let row = changes.reads.entry((room, user.clone())).or_insert(ReadRow { number });
    row.number = row.number.max(number);
}

fn of_user(user: &UserId, event: &user::Event, version: u64, changes: &mut Changes) {
    match event {
        user::Event::Registered(profile) | user::Event::ProfileChanged(profile) => {
            let row = UserRow {
                user_name: profile.personal.user_name.to_string(),
                status_text: profile.personal.status_text.to_string(),
                registered_at: profile.registered_at,
                version,
            };
            changes.users.insert(user.clone(), row);
        }
        user::Event::MuteChanged(change) => {
            changes.mutes.insert((user.clone(), change.room_id), MuteRow { muted: change.muted, version });
        }
        user::Event::VisibilityChanged(change) => {
            changes.visibilities.insert(user.clone(), VisibilityRow { presence_hidden: change.presence_hidden, version });
        }
        user::Event::Deactivated(gone) => {
            changes.deactivations.insert(user.clone(), DeactivationRow { deactivated_at: gone.deactivated_at, version });
        }
    }
}

/// Every event between two people says how they stand now: a request or a friendship only comes to be where nobody blocks, and a
/// block ends both.
fn of_relation(event: &relation::Event, version: u64, changes: &mut Changes) {
    let step = event.step();
    // Of the one who did it, and of the other one: how far the friendship is, and whether they block.
    let (mine, theirs) = match event {
        relation::Event::FriendRequested(_) => ((Friendship::Outgoing, false), (Friendship::Incoming, false)),
        relation::Event::FriendAccepted(_) => ((Friendship::Friends, false), (Friendship::Friends, false)),
        relation::Event::FriendDeclined(_) | relation::Event::FriendRemoved(_) => {
            ((Friendship::None, false), (Friendship::None, false))
        }
        relation::Event::Blocked(blocked) => ((Friendship::None, true), (Friendship::None, blocked.mutual)),
        relation::Event::Unblocked(unblocked) => ((Friendship::None, false), (Friendship::None, unblocked.still_blocked)),
    };
    let row = |(friendship, blocks), blocked| RelationRow { friendship, blocks, blocked, changed_at: step.at, version };
    changes.relations.insert((step.by.clone(), step.other.clone()), row(mine, theirs.1));
    changes.relations.insert((step.other.clone(), step.by.clone()), row(theirs, mine.1));
}

/// One event of one room on its way to rows.
struct RoomProjection<'a> {
    room: RoomId,
    version: u64,
    changes: &'a mut Changes,
}

impl RoomProjection<'_> {
    fn apply(&mut self, event: &room::Event) {
        self.head(0, Timestamp::default());
        match event {
            room::Event::Created(created) => {
                self.details(&created.details, true);
                self.head(0, created.details.created_at);
                created.members.iter().for_each(|member| self.member(member));
            }
            room::Event::Renamed(details)
            | room::Event::TopicSet(details)
            | room::Event::Archived(details)
            | room::Event::Closed(details)
            | room::Event::Reopened(details) => self.details(details, false),
            room::Event::MembersAdded(added) => added.members.iter().for_each(|member| self.member(member)),
            room::Event::MemberJoined(member) | room::Event::RoleChanged(member) => self.member(member),
            room::Event::MemberLeft(gone) | room::Event::MemberRemoved(gone) => self.gone(&gone.user_id),
            room::Event::MessageSent(sent) => {
                self.message(&sent.message, true);
                // Sending reads: who says something has seen what stands above it.
                read(self.room, &sent.message.author, sent.message.number, self.changes);
                self.mentions(&sent.message, &sent.message.mentions, true);
            }
            room::Event::MessageEdited(edited) => {
                self.message(&edited.message, false);
                self.mentions(&edited.message, &edited.mentions_dropped, false);
                self.mentions(&edited.message, &edited.message.mentions, true);
            }
            room::Event::MessageDeleted(deleted) => self.deleted(deleted),
            room::Event::ReactionAdded(reaction) => self.reaction(reaction, true),
            room::Event::ReactionRemoved(reaction) => self.reaction(reaction, false),
        }
    }

    /// The stream has come this far, and its last message and activity at least as far.
    fn head(&mut self, number: u64, active_at: Timestamp) {
        let row = RoomHeadRow { version: self.version, last_number: number, last_activity_at: active_at };
        let head = self.changes.room_heads.entry(self.room).or_insert(row);
        head.version = head.version.max(row.version);
        head.last_number = head.last_number.max(row.last_number);
        head.last_activity_at = head.last_activity_at.max(row.last_activity_at);
    }

    /// A room stays new as long as the batch that holds its creation.
    fn details(&mut self, details: &Details, is_new: bool) {
        let row = RoomRow {
            kind: details.kind,
            status: details.status,
            name: details.personal.name.as_ref().map(ToString::to_string),
            topic: details.personal.topic.to_string(),
            created_by: details.created_by.clone(),
            created_at: details.created_at,
            version: self.version,
            is_new: is_new || self.changes.rooms.get(&self.room).is_some_and(|row| row.is_new),
        };
        self.changes.rooms.insert(self.room, row);
    }

    fn member(&mut self, member: &Member) {
        let row = MemberRow { role: Some(member.role), joined_at: Some(member.joined_at), version: self.version };
        self.changes.members.insert((self.room, member.user_id.clone()), row);
    }

    fn gone(&mut self, user: &UserId) {
        let row = self.changes.members.entry((self.room, user.clone()));
        // Where the row of the joining is in the same batch, its date goes along, as it stays in the table otherwise.
        let row = row.or_insert(MemberRow { role: None, joined_at: None, version: self.version });
        row.role = None;
        row.version = self.version;
    }

    fn message(&mut self, facts: &MessageFacts, is_new: bool) {
        self.head(facts.number, facts.sent_at);
        let row = MessageRow {
            author: facts.author.clone(),
            sent_at: facts.sent_at,
            reply_to: facts.reply_to,
            text: Some(facts.personal.text.to_string()),
            mentions: facts.mentions.clone(),
            edited_at: facts.edited_at,
            deleted_at: None,
            version: self.version,
            is_new,
        };
        self.put(facts.number, row);
    }

    /// A message stays new as long as the batch that holds its sending.
    fn put(&mut self, number: u64, mut row: MessageRow) {
        match self.changes.messages.entry((self.room, number)) {
            Entry::Vacant(place) => drop(place.insert(row)),
            Entry::Occupied(mut place) => {
                row.is_new |= place.get().is_new;
                place.insert(row);
            }
        }
    }

    fn mentions(&mut self, facts: &MessageFacts, users: &[UserId], present: bool) {
        for user in users {
            let row = MentionRow { sent_at: facts.sent_at, present, version: self.version };
            self.changes.mentions.insert((user.clone(), self.room, facts.number), row);
        }
    }

    /// Mentions and reactions of a deleted message stay as rows; queries leave them out because the message is deleted.
    fn deleted(&mut self, deleted: &MessageDeleted) {
        self.head(deleted.number, deleted.sent_at);
        let row = MessageRow {
            author: deleted.author.clone(),
            sent_at: deleted.sent_at,
            reply_to: deleted.reply_to,
            text: None,
            mentions: Vec::new(),
            edited_at: None,
            deleted_at: Some(deleted.deleted_at),
            version: self.version,
            is_new: false,
        };
        self.put(deleted.number, row);
    }

    fn reaction(&mut self, reaction: &Reaction, present: bool) {
        self.message(&reaction.message, false);
        let key = (self.room, reaction.message.number, reaction.emoji.as_str().to_owned(), reaction.user_id.clone());
        self.changes.reactions.insert(key, ReactionRow { present, version: self.version });
    }
}

#[cfg(test)]
mod tests {
    use domain::room::{
        DetailsPersonal, Kind, MemberGone, MessageEdited, MessagePersonal, MessageSent, Role, RoomCreated, Status,
    };
    use domain::text::{Emoji, MessageText, RoomName, Topic};
    use domain::user::Deactivated;
    use domain::{CommandHash, CommandId, Metadata};
    use uuid::Uuid;

    use super::*;

    const ROOM: RoomId = RoomId::from_uuid(Uuid::from_u128(1));

    fn id(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }
    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms).unwrap()
    }

    /// The rows of these events of one stream, whose first makes `version`.
    fn rows(stream: &StreamId, version: u64, events: Vec<Event>) -> Changes {
        let mut changes = Changes::default();
        for (stream_version, event) in (version..).zip(events) {
            let metadata = Metadata {
                id: Uuid::nil(),
                time: at(0),
                epoch: 1,
                sequence: stream_version,
                stream_version,
                command_id: CommandId::from_uuid(Uuid::nil()),
                command_hash: CommandHash::of(b""),
                actor: id("olga"),
                correlation_id: Uuid::nil(),
                causation_id: None,
                traceparent: None,
            };
            project(&Envelope { stream: stream.clone(), metadata, event }, &mut changes);
        }
        changes
    }
    fn in_room(version: u64, events: Vec<room::Event>) -> Changes {
        rows(&StreamId::Room(ROOM), version, events.into_iter().map(Event::Room).collect())
    }
    fn details(name: &str) -> Details {
        let personal = DetailsPersonal { name: Some(RoomName::parse(name).unwrap()), topic: Topic::parse("about").unwrap() };
        Details { kind: Kind::Public, status: Status::Open, created_by: id("olga"), created_at: at(5), personal }
    }
    fn facts(number: u64, text: &str, mentions: &[&str]) -> MessageFacts {
        MessageFacts {
            number,
            author: id("olga"),
            sent_at: at(10),
            reply_to: Some(1),
            mentions: mentions.iter().map(|name| id(name)).collect(),
            edited_at: None,
            personal: MessagePersonal { text: MessageText::parse(text).unwrap() },
        }
    }
    fn member(name: &str) -> Member {
        Member { user_id: id(name), role: Role::Member, joined_at: at(7) }
    }

    #[test]
    fn a_created_room_has_details_members_and_a_head() {
        let created = RoomCreated { details: details("hall"), members: vec![member("olga"), member("mia")] };
        let changes = in_room(1, vec![room::Event::Created(created), room::Event::Renamed(details("attic"))]);
        let row = &changes.rooms[&ROOM];
        assert_eq!((row.name.as_deref(), row.topic.as_str(), row.version), (Some("attic"), "about", 2));
        assert_eq!(changes.members.len(), 2);
        assert_eq!(changes.room_heads[&ROOM], RoomHeadRow { version: 2, last_number: 0, last_activity_at: at(5) });
    }

    #[test]
    fn a_room_is_new_in_the_batch_of_its_creation_alone() {
        let created = room::Event::Created(RoomCreated { details: details("hall"), members: vec![member("olga")] });
        let renamed = || room::Event::Renamed(details("attic"));
        let row = |version, events| in_room(version, events).rooms[&ROOM].clone();
        assert!(row(1, vec![created.clone()]).is_new);
        let both = row(1, vec![created, renamed()]);
        assert_eq!((both.is_new, both.name.as_deref(), both.version), (true, Some("attic"), 2));
        assert!(!row(2, vec![renamed()]).is_new);
    }

    #[test]
    fn who_leaves_in_the_batch_of_the_joining_keeps_its_date() {
        let gone = MemberGone { user_id: id("mia") };
        let both = in_room(4, vec![room::Event::MemberJoined(member("mia")), room::Event::MemberLeft(gone.clone())]);
        let row = MemberRow { role: None, joined_at: Some(at(7)), version: 5 };
        assert_eq!(both.members[&(ROOM, id("mia"))], row);
        let alone = in_room(5, vec![room::Event::MemberRemoved(gone)]);
        assert_eq!(alone.members[&(ROOM, id("mia"))], MemberRow { joined_at: None, ..row });
    }

    #[test]
    fn an_edit_takes_mentions_back_and_a_message_never_lowers_the_head() {
        let sent = MessageSent { message: facts(3, "@mia @milo", &["mia", "milo"]) };
        let edited = MessageEdited { message: facts(2, "@milo", &["milo"]), mentions_dropped: vec![id("mia")] };
        let changes = in_room(8, vec![room::Event::MessageSent(sent), room::Event::MessageEdited(edited)]);
        let present = |name: &str, number| changes.mentions[&(id(name), ROOM, number)].present;
        assert_eq!([present("mia", 3), present("milo", 3), present("mia", 2), present("milo", 2)], [true, true, false, true]);
        assert_eq!(changes.room_heads[&ROOM], RoomHeadRow { version: 9, last_number: 3, last_activity_at: at(10) });
        assert_eq!(changes.messages[&(ROOM, 2)].version, 9);
    }

    #[test]
    fn sending_reads_and_nothing_else_about_a_message_does() {
        let sent = |number| room::Event::MessageSent(MessageSent { message: facts(number, "said", &[]) });
        let reaction = Reaction { message: facts(3, "said", &[]), user_id: id("mia"), emoji: Emoji::parse("👍").unwrap() };
        let edited = MessageEdited { message: facts(2, "said", &[]), mentions_dropped: Vec::new() };
        let events = vec![sent(2), sent(3), room::Event::MessageEdited(edited.clone()), room::Event::ReactionAdded(reaction)];
        let changes = in_room(7, events);
        assert_eq!(changes.reads.into_iter().collect::<Vec<_>>(), [((ROOM, id("olga")), ReadRow { number: 3 })]);
        assert!(in_room(9, vec![room::Event::MessageEdited(edited)]).reads.is_empty());
    }

    #[test]
    fn a_message_is_new_in_the_batch_of_its_sending_alone() {
        let sent = || room::Event::MessageSent(MessageSent { message: facts(3, "said", &[]) });
        let edited =
            || room::Event::MessageEdited(MessageEdited { message: facts(3, "again", &[]), mentions_dropped: Vec::new() });
        let row = |events| in_room(8, events).messages[&(ROOM, 3)].clone();
        assert!(row(vec![sent()]).is_new);
        let both = row(vec![sent(), edited()]);
        assert_eq!((both.is_new, both.text.as_deref(), both.version), (true, Some("again"), 9));
        assert!(!row(vec![edited()]).is_new);
    }

    #[test]
    fn a_reaction_raises_the_version_of_its_message_and_a_deletion_takes_the_text() {
        let reaction = Reaction { message: facts(3, "said", &[]), user_id: id("mia"), emoji: Emoji::parse("👍").unwrap() };
        let changes = in_room(8, vec![room::Event::ReactionAdded(reaction.clone()), room::Event::ReactionRemoved(reaction)]);
        let key = (ROOM, 3, "👍".to_owned(), id("mia"));
        assert_eq!(changes.reactions[&key], ReactionRow { present: false, version: 9 });
        assert_eq!((changes.messages[&(ROOM, 3)].version, changes.messages[&(ROOM, 3)].reply_to), (9, Some(1)));

        let author = id("olga");
        let deleted_by = id("mia");
        let deleted = MessageDeleted { number: 3, author, sent_at: at(10), reply_to: Some(1), deleted_by, deleted_at: at(20) };
        let changes = in_room(10, vec![room::Event::MessageDeleted(deleted)]);
        let row = &changes.messages[&(ROOM, 3)];
        assert_eq!((row.text.as_deref(), row.deleted_at, row.sent_at, row.version), (None, Some(at(20)), at(10), 10));
    }

    #[test]
    fn a_deactivation_says_nothing_of_the_profile() {
        let gone = Event::User(user::Event::Deactivated(Deactivated { deactivated_at: at(9) }));
        let changes = rows(&StreamId::User(id("mia")), 4, vec![gone]);
        assert_eq!(changes.deactivations[&id("mia")], DeactivationRow { deactivated_at: at(9), version: 4 });
        assert!(changes.users.is_empty());
    }
}
