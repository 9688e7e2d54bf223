//! What the stream of two people allows.

use domain::Decision;
use domain::command::Context;
use domain::ids::Pair;
use domain::relation::{self, Command, Event, Relation};
use rstest::rstest;

use crate::scene::{command_id, facts, moment, user, users};

const ANN: &str = "ann";
const BOB: &str = "bob";

fn befriend() -> Command {
    Command::Befriend { facts: facts(&users(&[ANN, BOB])) }
}
fn block() -> Command {
    Command::Block { facts: facts(&users(&[ANN, BOB])) }
}

fn when(relation: &mut Relation, who: &str, command: &Command) -> Result<Decision<Event>, relation::Refusal> {
    let pair = Pair::of(&user(ANN), &user(BOB)).unwrap();
    let version = relation.version + 1;
    let context = Context { actor: &user(who), command: command_id(version), now: moment(version) };
    let outcome = relation::decide(relation, &pair, command, context);
    if let Ok(Decision::Event(event)) = &outcome {
        relation.evolve(event, version);
    }
    outcome
}

/// The relation after `given`, and what becomes of the command.
fn then(given: &[(&str, Command)], who: &str, command: &Command) -> (Relation, String) {
    let mut relation = Relation::default();
    for (who, step) in given {
        assert!(matches!(when(&mut relation, who, step), Ok(Decision::Event(_))), "{who} {step:?}");
    }
    let outcome = match when(&mut relation, who, command) {
        Ok(Decision::Event(event)) => {
            let name = domain::Event::Relation(event).type_name();
            name.trim_start_matches("sarangbang.relation.").trim_end_matches(".v1").to_owned()
        }
        Ok(Decision::AlreadySo) => "already so".to_owned(),
        Err(refusal) => refusal.code().to_owned(),
    };
    (relation, outcome)
}

#[rstest]
//                         nothing yet        Ann asked          Bob asked          friends           Ann blocks      Bob blocks
#[case::befriend(befriend(), ["friend-requested", "already so", "friend-accepted", "already so", "blocked", "blocked"])]
#[case::unfriend(Command::Unfriend, ["already so", "friend-declined", "friend-declined", "friend-removed", "already so", "already so"])]
#[case::block(block(), ["blocked", "blocked", "blocked", "blocked", "already so", "blocked"])]
#[case::unblock(Command::Unblock, ["already so", "already so", "already so", "already so", "unblocked", "already so"])]
fn ann_and_bob(#[case] command: Command, #[case] expected: [&str; 6]) {
    let histories = [
        vec![],
        vec![(ANN, befriend())],
        vec![(BOB, befriend())],
        vec![(BOB, befriend()), (ANN, befriend())],
        vec![(ANN, block())],
        vec![(BOB, block())],
    ];
    let found = histories.map(|given| then(&given, ANN, &command).1);
    assert_eq!(found, expected, "{command:?}");
}

#[test]
fn a_block_ends_friendship_and_only_its_maker_takes_it_back() {
    let friends = [(BOB, befriend()), (ANN, befriend())];
    let (relation, _) = then(&friends, ANN, &block());
    assert_eq!((relation.friendship.clone(), relation.is_blocked()), (relation::Friendship::None, true));

    let mut relation = relation;
    let Ok(Decision::Event(Event::Blocked(second))) = when(&mut relation, BOB, &block()) else { panic!("Bob blocks too") };
    assert!(second.mutual);
    let Ok(Decision::Event(Event::Unblocked(first))) = when(&mut relation, ANN, &Command::Unblock) else {
        panic!("Ann unblocks")
    };
    assert!(first.still_blocked && relation.is_blocked());
    let Ok(Decision::Event(Event::Unblocked(last))) = when(&mut relation, BOB, &Command::Unblock) else { panic!("Bob unblocks") };
    assert!(!last.still_blocked && !relation.is_blocked());
}

#[test]
fn strangers_to_the_pair_and_people_who_do_not_exist_are_refused() {
    assert_eq!(then(&[], "cid", &befriend()).1, "not-one-of-the-two");
    let unknown = facts(&[]);
    assert_eq!(then(&[], ANN, &Command::Befriend { facts: unknown.clone() }).1, "person-not-found");
    assert_eq!(then(&[], ANN, &Command::Block { facts: unknown.clone() }).1, "person-not-found");
    // Who asked and then left for good can still be blocked, but is nobody's friend any more.
    assert_eq!(then(&[(BOB, befriend())], ANN, &Command::Block { facts: unknown.clone() }).1, "blocked");
    assert_eq!(then(&[(BOB, befriend())], ANN, &Command::Befriend { facts: unknown }).1, "person-not-found");
}

#[test]
fn every_event_applied_twice_is_the_same_as_once_and_survives_the_local_store() {
    let mut relation = Relation::default();
    for (who, command) in [
        (ANN, befriend()),
        (BOB, befriend()),
        (BOB, Command::Unfriend),
        (ANN, befriend()),
        (BOB, Command::Unfriend),
        (ANN, block()),
        (BOB, block()),
        (ANN, Command::Unblock),
    ] {
        let Ok(Decision::Event(event)) = when(&mut relation, who, &command) else { panic!("{who} {command:?}") };
        let once = relation.clone();
        relation.evolve(&event, relation.version);
        assert_eq!(relation, once, "{event:?}");
        let stored = serde_json::to_vec(&relation).unwrap();
        assert_eq!(serde_json::from_slice::<Relation>(&stored).unwrap(), relation);
    }
}
