use tokio::sync::mpsc;

use super::*;
use crate::ws::mailbox::Item;
use crate::ws::presence::record::millis;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + ms).unwrap()
}
fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}
fn socket(id: SocketId) -> (Arc<Mailbox>, mpsc::Receiver<Item>) {
    Mailbox::new(id, 8, 1_000)
}
fn circle(friends: &[&str]) -> Circle {
    Circle { hidden: false, friends: friends.iter().map(|id| user(id)).collect() }
}
fn said(here: &mut Here, ms: i64) -> Vec<(String, Word)> {
    here.due(at(ms)).into_iter().map(|said| (said.user_id.to_string(), said.state)).collect()
}
fn ann_is(word: Word) -> Vec<(String, Word)> {
    vec![("ann".to_owned(), word)]
}
/// Reads every circle that is due.
fn read(here: &mut Here, circle: &Circle) {
    for (user, _) in here.reads_due() {
        here.read(&user, circle.clone());
    }
}
fn room() -> RoomId {
    RoomId::of_import("t", "r")
}

#[test]
fn nothing_is_said_before_it_is_known_whether_somebody_hides() {
    let (mut here, (ann, _queue)) = (Here::default(), socket(1));
    here.enter(&user("ann"), &ann, Some(PresenceState::Online));
    assert!(!here.typing(&user("ann"), room(), at(0)));
    assert_eq!(said(&mut here, 0), []);
    read(&mut here, &Circle { hidden: true, ..Circle::default() });
    assert_eq!(said(&mut here, 1), ann_is(Word::Hidden));
    assert!(!here.typing(&user("ann"), room(), at(1)));
    here.leave(&user("ann"), 1);
    assert_eq!(said(&mut here, 2), [], "of who hides, not even that they are gone");
}

#[test]
fn who_comes_after_an_event_is_read_no_earlier_than_the_read_model_has_it() {
    let (mut here, (ann, _queue)) = (Here::default(), socket(1));
    for (partition, sequence) in [(1, 7), (1, 5), (0, 3)] {
        here.saw(partition, sequence);
    }
    here.enter(&user("ann"), &ann, Some(PresenceState::Online));
    assert_eq!(here.reads_due(), [(user("ann"), Needed::from([(0, 3), (1, 7)]))]);
}

#[test]
fn a_word_is_said_when_it_changes_and_again_with_each_beat() {
    let (mut here, (ann, _queue), (second, _other)) = (Here::default(), socket(1), socket(2));
    here.enter(&user("ann"), &ann, Some(PresenceState::Online));
    read(&mut here, &circle(&[]));
    assert_eq!(said(&mut here, 0), ann_is(Word::Online));
    let beat = millis(BEAT);
    assert_eq!(said(&mut here, beat), []);
    assert_eq!(said(&mut here, beat + 1), ann_is(Word::Online));
    here.enter(&user("ann"), &second, Some(PresenceState::Away));
    assert_eq!(said(&mut here, beat + 2), [], "one socket is enough");
    here.leave(&user("ann"), 1);
    assert_eq!(said(&mut here, beat + 3), ann_is(Word::Away));
    here.leave(&user("ann"), 2);
    assert_eq!(said(&mut here, beat + 4), ann_is(Word::Gone));
    assert_eq!(said(&mut here, beat * 9), []);
    assert!(here.people.is_empty() && here.watched.is_empty());
}

#[test]
fn a_socket_that_only_types_shows_nobody() {
    let (mut here, (ann, _queue)) = (Here::default(), socket(1));
    here.enter(&user("ann"), &ann, None);
    for _ in 0..100 {
        assert!(!here.typing(&user("ann"), room(), at(0)));
    }
    let due = here.reads_due();
    assert_eq!(due, [(user("ann"), Needed::new())]);
    assert_eq!(here.reads_due(), [], "it is under way");
    let met = here.read(&user("ann"), circle(&["bob"]));
    assert_eq!(met.typing.len(), TYPING_HELD_MAX);
    assert!(here.typing(&user("ann"), room(), at(0)));
    assert_eq!(said(&mut here, 0), []);
    assert_eq!(here.watchers_of(&user("bob")).count(), 0);
}

#[test]
fn friends_are_seen_until_an_event_says_otherwise() {
    let (mut here, (ann, _queue)) = (Here::default(), socket(1));
    here.enter(&user("ann"), &ann, Some(PresenceState::Online));
    read(&mut here, &circle(&["bob", "cid"]));
    assert_eq!(here.watchers_of(&user("bob")).count(), 1);
    assert!(here.part(&user("ann"), &user("bob")));
    assert!(!here.part(&user("ann"), &user("bob")));
    assert_eq!(here.watchers_of(&user("bob")).count(), 0);

    here.stale(&user("ann"), 1, 7);
    here.stale(&user("ann"), 1, 5);
    assert_eq!(here.reads_due(), [(user("ann"), Needed::from([(1, 7)]))]);
    here.stale(&user("ann"), 0, 3);
    here.unread(&user("ann"), Needed::from([(1, 7)]));
    assert_eq!(here.reads_due(), [(user("ann"), Needed::from([(0, 3), (1, 7)]))], "nothing needed is forgotten");
    here.stale(&user("ann"), 0, 4);
    assert!(here.read(&user("ann"), circle(&["bob"])).friends.is_empty(), "what was read before an event is not taken");
    assert_eq!(here.reads_due(), [(user("ann"), Needed::from([(0, 4)]))]);
    let met = here.read(&user("ann"), circle(&["dan"]));
    assert_eq!((met.friends, met.strangers), (circle(&["dan"]).friends, circle(&["cid"]).friends));
    here.leave(&user("ann"), 1);
    assert!(here.watched.is_empty());
}

#[test]
fn circles_are_read_a_few_at_a_time() {
    let mut here = Here::default();
    let sockets: Vec<_> = (0..200).map(socket).collect();
    for (index, (mailbox, _queue)) in sockets.iter().enumerate() {
        here.enter(&user(&format!("p{index}")), mailbox, Some(PresenceState::Online));
    }
    assert_eq!(here.reads_due().len(), CIRCLE_READS_MAX);
    assert_eq!(here.reads_due().len(), 0);
}
