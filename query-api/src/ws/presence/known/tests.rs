use std::time::Duration;

use super::*;
use crate::ws::presence::record::millis;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + seconds * 1_000).unwrap()
}
fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}
fn say(node: u128, word: Word, seconds: i64, who: &str) -> PresenceRecord {
    let people = vec![Said { user_id: user(who), state: word }];
    PresenceRecord::People { node: Uuid::from_u128(node), at: at(seconds), people }
}
fn offline(seconds: i64) -> Presence {
    Presence { state: PresenceState::Offline, last_seen_at: Some(at(seconds)) }
}
fn state(known: &Known, who: &str) -> PresenceState {
    known.of(&user(who)).state
}
const fn seconds(duration: Duration) -> i64 {
    duration.as_secs().cast_signed()
}

#[test]
fn who_is_somewhere_is_there_and_who_is_nowhere_was_last_seen_then() {
    let mut known = Known::new(10);
    assert_eq!(known.of(&user("ann")), Presence::UNKNOWN);
    assert_eq!(known.take(say(1, Word::Away, 0, "ann"), at(0)).len(), 1);
    assert_eq!(known.take(say(2, Word::Online, 1, "ann"), at(1)).len(), 1);
    assert_eq!(known.take(say(2, Word::Online, 2, "ann"), at(2)), [], "a repetition changes nothing");
    assert_eq!(state(&known, "ann"), PresenceState::Online);
    known.take(say(2, Word::Gone, 3, "ann"), at(3));
    assert_eq!(state(&known, "ann"), PresenceState::Away, "the other node still has them");
    assert_eq!(known.take(say(1, Word::Gone, 5, "ann"), at(6)), [(user("ann"), offline(5))]);
    assert_eq!(known.present(), 0);
}

#[test]
fn a_word_that_is_not_repeated_is_over_by_itself() {
    let mut known = Known::new(10);
    known.take(say(1, Word::Online, 0, "ann"), at(0));
    let kept = seconds(WORD_KEPT);
    assert_eq!(known.expire(at(kept)), []);
    assert_eq!(known.expire(at(kept + 1)), [(user("ann"), offline(0))]);
    assert_eq!(known.expire(at(seconds(LAST_SEEN_KEPT))), []);
    assert_eq!(known.expire(at(seconds(LAST_SEEN_KEPT) + 1)), [(user("ann"), Presence::UNKNOWN)]);
    assert!(known.people.is_empty());
}

#[test]
fn a_clock_that_is_ahead_or_an_old_record_makes_nobody_present_for_longer() {
    let mut known = Known::new(10);
    known.take(say(1, Word::Online, 1_000_000, "ann"), at(0));
    assert_eq!(known.expire(at(seconds(WORD_KEPT) + 1)), [(user("ann"), offline(0))]);
    // As a node hears it that starts a minute after the word was said.
    known.take(say(1, Word::Online, 0, "bob"), at(60));
    assert_eq!(known.of(&user("bob")), offline(0));
    assert_eq!(known.take(say(1, Word::Online, 0, "cid"), at(seconds(LAST_SEEN_KEPT) + 1)), []);
}

#[test]
fn who_hides_leaves_nothing_behind() {
    let mut known = Known::new(10);
    known.take(say(1, Word::Online, 0, "ann"), at(0));
    assert_eq!(known.take(say(2, Word::Hidden, 1, "ann"), at(1)), [(user("ann"), Presence::UNKNOWN)]);
    // Partitions are read side by side: what another node said before may come behind it.
    assert_eq!(known.take(say(1, Word::Online, 1, "ann"), at(2)), []);
    assert_eq!(known.take(say(1, Word::Gone, 2, "ann"), at(2)), []);
    assert_eq!(known.expire(at(seconds(WORD_KEPT) + 2)), []);
    assert!(known.people.is_empty());
}

#[test]
fn who_hides_no_longer_is_seen_again() {
    let mut known = Known::new(10);
    assert_eq!(known.hide(user("ann"), at(0)), None);
    assert_eq!(known.take(say(1, Word::Online, 1, "ann"), at(1)).len(), 1);
    assert_eq!(state(&known, "ann"), PresenceState::Online);
}

#[test]
fn memory_is_bounded_by_people_and_by_nodes() {
    let mut known = Known::new(20);
    for person in 0..20 {
        known.take(say(1, Word::Online, person, &format!("p{person}")), at(person));
    }
    assert_eq!(known.take(say(1, Word::Online, 21, "late"), at(21)), [], "nobody is forgotten who is there");
    for person in 0..10 {
        known.take(say(1, Word::Gone, 22 + person, &format!("p{person}")), at(40));
    }
    assert_eq!(known.take(say(1, Word::Online, 41, "late"), at(41)).len(), 1);
    assert_eq!(known.of(&user("p0")), Presence::UNKNOWN, "who was seen longest ago makes room");
    assert!(known.people.len() <= 20);
    for node in 0..1_000 {
        known.take(say(node, Word::Online, 42, "late"), at(42));
    }
    assert_eq!(known.people[&user("late")].nodes.len(), NODES_MAX);
    assert!(millis(WORD_KEPT) < 60_000, "a node that starts reads a minute back and must find everybody there");
}
