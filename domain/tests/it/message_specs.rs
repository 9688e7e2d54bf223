//! What may be said in a room.

use domain::command::Facts;
use domain::room::{
    Command, Content, Event, Kind, MENTIONS_MAX, Member, Message, MessageDeleted, MessageEdited, MessageFacts, MessagePersonal,
    MessageSent, REACTIONS_MAX, Reaction, Role,
};
use domain::text::Emoji;
use domain::{Timestamp, UserId};
use rstest::rstest;

use crate::scene::{
    FOE, MEMBER, MODERATOR, OTHER_MEMBER, OWNER, STRANGER, Scene, change_role, delete, edit, moment, react, remove, reply, send,
    text, unreact, user, users,
};

/// A public room in which `MEMBER` wrote message 1.
fn a_room_with_a_message() -> Scene {
    Scene::of(Kind::Public).given(MEMBER, send("hello @mona"))
}

#[rstest]
//                                     the author's         a moderator's       another member's   a stranger's
#[case::send(send("hello"), ["message-sent", "message-sent", "message-sent", "not-a-member"])]
#[case::reply(reply("yes", 1), ["message-sent", "message-sent", "message-sent", "not-a-member"])]
#[case::reply_to_nothing(reply("yes", 2), ["reply-to-unknown", "reply-to-unknown", "reply-to-unknown", "not-a-member"])]
#[case::reply_to_number_0(reply("yes", 0), ["reply-to-unknown", "reply-to-unknown", "reply-to-unknown", "not-a-member"])]
#[case::edit(edit(1, "hi"), ["message-edited", "not-the-author", "not-the-author", "not-a-member"])]
#[case::same_text(edit(1, "hello @mona"), ["already so", "not-the-author", "not-the-author", "not-a-member"])]
#[case::edit_nothing(edit(2, "hi"), ["message-not-found", "message-not-found", "message-not-found", "not-a-member"])]
#[case::delete(delete(1), ["message-deleted", "message-deleted", "not-the-author", "not-a-member"])]
#[case::delete_nothing(delete(2), ["message-not-found", "message-not-found", "message-not-found", "not-a-member"])]
#[case::react(react(1, "👍"), ["reaction-added", "reaction-added", "reaction-added", "not-a-member"])]
#[case::react_to_nothing(react(2, "👍"), ["message-not-found", "message-not-found", "message-not-found", "not-a-member"])]
#[case::unreact(unreact(1, "👍"), ["already so", "already so", "already so", "not-a-member"])]
#[case::unreact_from_nothing(unreact(2, "👍"), ["message-not-found", "message-not-found", "message-not-found", "not-a-member"])]
fn about_a_message(#[case] command: Command, #[case] expected: [&str; 4]) {
    let scene = a_room_with_a_message();
    assert_eq!([MEMBER, MODERATOR, OTHER_MEMBER, STRANGER].map(|who| scene.then(who, &command)), expected, "{command:?}");
}

#[rstest]
#[case(edit(1, "hi"), "message-deleted")]
#[case(delete(1), "already so")]
#[case(react(1, "👍"), "message-deleted")]
#[case(unreact(1, "👍"), "already so")]
#[case(reply("to what?", 1), "message-sent")]
fn about_a_deleted_message(#[case] command: Command, #[case] expected: &str) {
    let scene = a_room_with_a_message().given(MEMBER, react(1, "👍")).given(MODERATOR, delete(1));
    assert_eq!(scene.then(MEMBER, &command), expected);
}

#[test]
fn messages_are_numbered_from_1_without_a_gap() {
    let scene = a_room_with_a_message().given(MEMBER, delete(1)).given(OWNER, reply("second", 1)).given(OWNER, edit(2, "2nd"));
    let (scene, event) = scene.event(OWNER, send("third"));
    assert_eq!(event.message_number(), Some(3));
    assert_eq!((scene.room.last_number, scene.room.version), (3, 7));
}

#[test]
fn what_is_sent_is_what_the_event_and_the_message_say() {
    let (scene, event) = a_room_with_a_message().event(OTHER_MEMBER, reply("yes", 1));
    let at = moment(scene.room.version);
    let facts = MessageFacts {
        number: 2,
        author: user(OTHER_MEMBER),
        sent_at: at,
        reply_to: Some(1),
        mentions: Vec::new(),
        edited_at: None,
        personal: MessagePersonal { text: text("yes") },
    };
    assert_eq!(event, Event::MessageSent(MessageSent { message: facts.clone() }));
    let message = scene.messages.get(&2).unwrap();
    let content = Content { text: text("yes"), mentions: Vec::new(), edited_at: None, reactions: [].into() };
    let expected = Message { number: 2, author: user(OTHER_MEMBER), sent_at: at, reply_to: Some(1), content: Some(content) };
    assert_eq!((message, message.facts()), (&expected, Some(facts)));
}

#[test]
fn imports_say_when_it_was_said() {
    let sent_at = Timestamp::from_millis(1_000).ok();
    let command =
        Command::SendMessage { text: text("long ago"), reply_to: None, mentions: Vec::new(), facts: Facts::default(), sent_at };
    let (scene, _) = Scene::of(Kind::Public).event(MEMBER, command);
    assert_eq!(scene.messages.get(&1).map(|message| message.sent_at), sent_at);
}

#[test]
fn members_are_mentioned_once_and_never_by_themselves() {
    let command = Command::SendMessage {
        text: text("…"),
        reply_to: None,
        mentions: users(&[OWNER, STRANGER, MEMBER, MODERATOR, OWNER, "nobody"]),
        facts: Facts::default(),
        sent_at: None,
    };
    let (scene, _) = Scene::of(Kind::Public).event(MEMBER, command);
    assert_eq!(scene.messages.get(&1).unwrap().facts().unwrap().mentions, users(&[OWNER, MODERATOR]));
}

#[test]
fn across_a_block_nobody_is_mentioned() {
    let mut scene = Scene::of(Kind::Public).given(FOE, crate::scene::join());
    scene = scene.given(MEMBER, send("@fay @olga")).given(MEMBER, edit(1, "@olga @fay!"));
    assert_eq!(scene.messages.get(&1).unwrap().facts().unwrap().mentions, users(&[OWNER]));
}

#[test]
fn as_many_are_mentioned_as_may_be() {
    let mut scene = Scene::of(Kind::Public);
    let crowd: Vec<UserId> = (0..=MENTIONS_MAX).map(|n| user(&format!("user{n}"))).collect();
    for user_id in crowd.clone() {
        scene.room.members.insert(user_id.clone(), Member { user_id, role: Role::Member, joined_at: moment(1) });
    }
    let command = Command::SendMessage {
        text: text("all"),
        reply_to: None,
        mentions: crowd.clone(),
        facts: Facts::default(),
        sent_at: None,
    };
    let (scene, _) = scene.event(MEMBER, command);
    assert_eq!(scene.messages.get(&1).unwrap().facts().unwrap().mentions, crowd[..MENTIONS_MAX]);
}

#[test]
fn an_edit_tells_who_is_no_longer_mentioned_and_keeps_the_reactions() {
    let scene = Scene::of(Kind::Public).given(MEMBER, send("hi @mona and @olga")).given(OWNER, react(1, "👍"));
    let (scene, event) = scene.event(MEMBER, edit(1, "hi @olga and @milo"));
    let Event::MessageEdited(MessageEdited { message, mentions_dropped }) = event else { panic!("{event:?}") };
    assert_eq!(message.mentions, users(&[OWNER, OTHER_MEMBER]));
    assert_eq!(mentions_dropped, users(&[MODERATOR]));
    assert_eq!((message.sent_at, message.edited_at), (moment(3), Some(moment(scene.room.version))));
    let reactions = &scene.messages.get(&1).unwrap().content.as_ref().unwrap().reactions;
    assert_eq!(reactions, &[(Emoji::parse("👍").unwrap(), user(OWNER))].into());
}

#[test]
fn a_deletion_leaves_number_and_author_and_no_word() {
    let (scene, event) = a_room_with_a_message().given(OWNER, reply("psst", 1)).event(MODERATOR, delete(2));
    let expected = MessageDeleted {
        number: 2,
        author: user(OWNER),
        sent_at: moment(4),
        reply_to: Some(1),
        deleted_by: user(MODERATOR),
        deleted_at: moment(5),
    };
    assert_eq!(event, Event::MessageDeleted(expected));
    let message = scene.messages.get(&2).unwrap();
    assert_eq!((message.content.as_ref(), message.facts()), (None, None));
}

#[test]
fn a_reaction_is_there_once_a_person_and_emoji() {
    let (scene, event) = a_room_with_a_message().event(OWNER, react(1, "👍"));
    let message = scene.messages.get(&1).unwrap().facts().unwrap();
    assert_eq!(event, Event::ReactionAdded(Reaction { message, user_id: user(OWNER), emoji: Emoji::parse("👍").unwrap() }));
    assert_eq!(scene.then(OWNER, &react(1, "👍")), "already so");
    assert_eq!(scene.then(OWNER, &react(1, "❤️")), "reaction-added");
    assert_eq!(scene.then(MEMBER, &unreact(1, "👍")), "already so");
    let scene = scene.given(OWNER, unreact(1, "👍"));
    assert_eq!(scene.then(OWNER, &unreact(1, "👍")), "already so");
    assert_eq!(scene.then(OWNER, &react(1, "👍")), "reaction-added");
}

#[test]
fn a_message_carries_as_many_reactions_as_it_may() {
    let mut scene = a_room_with_a_message();
    let content = scene.messages.get_mut(&1).unwrap().content.as_mut().unwrap();
    let thumb = Emoji::parse("👍").unwrap();
    content.reactions = (0..REACTIONS_MAX).map(|n| (thumb.clone(), user(&format!("user{n}")))).collect();
    assert_eq!(scene.then(OWNER, &react(1, "👍")), "too-many-reactions");
    assert_eq!(scene.then(OWNER, &react(1, "❤️")), "too-many-reactions");
}

#[test]
fn whoever_is_no_longer_a_member_edits_and_deletes_no_more() {
    let scene = a_room_with_a_message().given(OWNER, remove(MEMBER));
    for command in [edit(1, "hi"), delete(1), react(1, "👍"), send("hello")] {
        assert_eq!(scene.then(MEMBER, &command), "not-a-member", "{command:?}");
    }
}

#[test]
fn whoever_is_no_longer_a_moderator_deletes_only_his_own() {
    let scene = a_room_with_a_message().given(MODERATOR, send("mine")).given(OWNER, change_role(MODERATOR, Role::Member));
    assert_eq!(scene.then(MODERATOR, &delete(1)), "not-the-author");
    assert_eq!(scene.then(MODERATOR, &delete(2)), "message-deleted");
}

#[test]
fn a_message_survives_the_local_store() {
    let scene = a_room_with_a_message().given(OWNER, react(1, "👍")).given(MEMBER, edit(1, "hi")).given(OWNER, reply("x", 1));
    let scene = scene.given(OWNER, delete(2));
    for message in scene.messages.values() {
        let stored = serde_json::to_vec(message).unwrap();
        assert_eq!(&serde_json::from_slice::<Message>(&stored).unwrap(), message);
    }
}
