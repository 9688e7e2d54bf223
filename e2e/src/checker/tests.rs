//! A good run of our own making passes, and each defect that is put into it is found. Runs of the real system are mutated too, by
//! the tests of faults.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::evidence::{LogRecord, RoomRead};
use super::mutation::Mutation;
use super::replay::Replay;
use super::{Evidence, Kind, Report, check};
use crate::journal::{Deed, Heard, Outcome, Told, What};

const ROOM: &str = "6b0f7f6a-3f0e-5c4e-9a4e-000000000001";
const TOPIC: &str = "test.rooms.v1";

/// Makes the evidence of a run in which nothing went wrong: one room, one command after another.
struct GoodRun {
    evidence: Evidence,
    log: Vec<LogRecord>,
    sequence: u64,
    epoch: u64,
}

fn record(kind: &str, epoch: u64, more: &[(&str, String)], value: &Value) -> LogRecord {
    let mut headers = BTreeMap::from([("ce_type".to_owned(), kind.to_owned()), ("ce_epoch".to_owned(), epoch.to_string())]);
    headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    LogRecord { topic: TOPIC.into(), partition: 0, offset: 0, headers, value: value.to_string() }
}

fn claim(epoch: u64) -> LogRecord {
    record("sarangbang.partition.claimed.v1", epoch, &[], &json!({}))
}

impl GoodRun {
    fn begin() -> Self {
        let mut run = Self { evidence: Evidence::default(), log: vec![claim(1)], sequence: 0, epoch: 1 };
        let created = json!({ "members": [{ "userId": "ann", "role": "owner" }] });
        run.act("room.created", "ann", What::Create, None, &created);
        run.hear(Told::Opened { node: "query".into() });
        run.hear(Told::Asked { room: ROOM.into(), after: None });
        run.hear(Told::Frame(json!({ "type": "subscribed", "room": ROOM, "version": run.sequence })));
        run.act("room.member-joined", "bob", What::Join, None, &json!({ "userId": "bob", "role": "member" }));
        run.hear(Told::Frame(
            json!({ "type": "member", "room": ROOM, "previousVersion": 1, "version": 2, "members": [{ "userId": "bob", "role": "member" }] }),
        ));
        run
    }

    fn hear(&mut self, what: Told) {
        self.evidence.heard.push(Heard { follower: "cid".into(), at_us: self.sequence, what });
    }

    /// The command is executed: event, answer, and later a frame.
    fn act(&mut self, kind: &str, actor: &str, what: What, number: Option<u64>, body: &Value) {
        self.sequence += 1;
        let (version, key) = (self.sequence, Uuid::from_u128(u128::from(self.sequence)));
        let headers = [
            ("ce_subject", ROOM.to_owned()),
            ("ce_partitionseq", version.to_string()),
            ("ce_streamversion", version.to_string()),
            ("ce_commandid", key.to_string()),
            ("ce_actor", actor.to_owned()),
        ];
        self.log.push(record(&format!("sarangbang.{kind}.v1"), self.epoch, &headers, body));
        let (room, actor) = (ROOM.to_owned(), actor.to_owned());
        let outcome = Outcome::Acknowledged { number, version };
        let (asked_us, answered_us) = (10 * version, 10 * version + 5);
        self.evidence.deeds.push(Deed { key, actor, room, what, asked_us, answered_us, attempts: 1, outcome });
    }

    /// The same about a message, told to the follower as a frame.
    fn speak(&mut self, kind: &str, actor: &str, what: What, number: u64, more: &Value) {
        let mut body = json!({ "number": number, "author": "ann", "sentAt": "2026-01-01T00:00:00.000Z" });
        if let (Some(fields), Some(more)) = (body.as_object_mut(), more.as_object()) {
            fields.extend(more.clone());
        }
        self.act(kind, actor, what, Some(number), &body);
        let replay = Replay::of(&self.log, &mut Report::default());
        let message = replay.rooms[ROOM].messages[&number].shown(ROOM);
        let (previous, version) = (self.sequence - 1, self.sequence);
        self.hear(Told::Frame(
            json!({ "type": "message", "room": ROOM, "previousVersion": previous, "version": version, "message": message }),
        ));
    }

    fn send(&mut self, number: u64, text: &str) {
        let body = json!({ "personal": { "text": text }, "mentions": ["bob"] });
        self.speak("room.message-sent", "ann", What::Send { text: text.into() }, number, &body);
    }

    /// What the queries show in the end.
    fn end(mut self) -> Evidence {
        let replay = Replay::of(&self.log, &mut Report::default());
        let room = &replay.rooms[ROOM];
        self.evidence.rooms.push(RoomRead {
            node: "query".into(),
            room: ROOM.into(),
            details: json!({ "version": room.version, "lastNumber": room.messages.len(), "memberCount": room.members.len() }),
            members: room.members.iter().map(|(user, role)| json!({ "userId": user, "role": role })).collect(),
            messages: room.messages.values().map(|message| message.shown(ROOM)).collect(),
        });
        self.evidence.log = Some(self.log);
        self.evidence
    }
}

fn good_run() -> Evidence {
    let mut run = GoodRun::begin();
    run.send(1, "hello");
    run.send(2, "두 번째");
    let edited = json!({ "personal": { "text": "hello!" }, "editedAt": "2026-01-01T00:00:09.000Z" });
    run.speak("room.message-edited", "ann", What::Edit { number: 1, text: "hello!".into() }, 1, &edited);
    // An overtaken owner appended once more; then the new one goes on where the old one was.
    run.log.push(claim(2));
    let mut late = run.log[3].clone();
    late.headers.insert("ce_commandid".into(), Uuid::nil().to_string());
    run.log.push(late);
    run.log.push(claim(2));
    run.epoch = 2;
    run.send(3, "after the take-over");
    let reacted = json!({ "personal": { "text": "두 번째" }, "userId": "bob", "emoji": "👍", "mentions": ["bob"] });
    run.speak("room.reaction-added", "bob", What::React { number: 2, emoji: "👍".into() }, 2, &reacted);
    run.end()
}

#[test]
fn a_good_run_is_clean_and_was_looked_at() {
    let report = check(&good_run());
    assert!(report.is_clean(), "{report}");
    for (what, count) in [
        ("records that count", 9),
        ("records that do not count", 2),
        ("messages acknowledged", 3),
        ("frames in chains", 6),
        ("rows compared with the replay", 3),
        ("messages compared with what sockets were told", 3),
    ] {
        assert_eq!(report.counts.get(what), Some(&count), "{what}\n{report}");
    }
}

#[rstest]
fn every_defect_is_found(
    #[values(
        Mutation::Loss,
        Mutation::LossOfRow,
        Mutation::Duplicate,
        Mutation::Reorder,
        Mutation::SocketGap,
        Mutation::SocketUntruth,
        Mutation::StaleRow,
        Mutation::OtherAnswer,
        Mutation::Overtaken
    )]
    mutation: Mutation,
    #[values(1, 2, 3, 4, 5)] seed: u64,
) {
    let (found, report) = mutation.is_found(&good_run(), seed);
    assert!(found, "{mutation:?} with seed {seed} passes:\n{report}");
}

#[test]
fn all_mutations_are_tried_above() {
    assert_eq!(Mutation::ALL.len(), 9);
}

/// The order is judged by the clients' clock alone: in everything else this evidence is consistent.
#[test]
fn who_asked_later_may_not_come_before() {
    let mut evidence = good_run();
    evidence.deeds.iter_mut().filter(|deed| deed.asked_us == 40).for_each(|deed| {
        (deed.asked_us, deed.answered_us) = (1_000, 1_001);
    });
    let report = check(&evidence);
    assert_eq!(report.findings.keys().collect::<Vec<_>>(), [&Kind::Reordered], "{report}");
}

/// Without the log (the embedded default) the queries and the sockets must give it away.
#[rstest]
#[case(Mutation::LossOfRow)]
#[case(Mutation::SocketGap)]
#[case(Mutation::SocketUntruth)]
#[case(Mutation::OtherAnswer)]
fn defects_are_found_without_the_log_too(#[case] mutation: Mutation) {
    let evidence = Evidence { log: None, ..good_run() };
    assert!(check(&evidence).is_clean());
    for seed in 0..5 {
        let (found, report) = mutation.is_found(&evidence, seed);
        assert!(found, "{mutation:?} with seed {seed} passes:\n{report}");
    }
}

#[test]
fn a_refusal_that_happened_all_the_same_is_found() {
    let mut evidence = good_run();
    evidence.deeds[3].outcome = Outcome::Refused { code: "409".into() };
    assert!(check(&evidence).of(Kind::Refused) >= 2);
}

/// The example of `docs/protocol.md`, record by record.
#[test]
fn the_published_rule_counts_what_the_published_example_counts() {
    let numbered =
        |kind: &str, epoch: u64, sequence: u64| record(kind, epoch, &[("ce_partitionseq", sequence.to_string())], &json!({}));
    let barrier = "sarangbang.partition.barrier.v1";
    let log = [
        claim(1),
        numbered(barrier, 1, 1),
        numbered(barrier, 1, 2),
        claim(2),
        numbered(barrier, 1, 3),
        numbered(barrier, 2, 3),
        numbered(barrier, 2, 5),
        claim(3),
        numbered(barrier, 3, 4),
    ];
    let replay = Replay::of(&log, &mut Report::default());
    assert_eq!((replay.effective, replay.ignored), (7, 2));
}
