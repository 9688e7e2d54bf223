//! Somebody else writes into the event topics of a running system on Kafka: what does not count is ignored and counted, what counts
//! and cannot be read is parked and counted, and people notice nothing.
//!
//! What no reader can tell from a record of ours is beyond this: who may write to the topics is for the brokers to say.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use domain::ids::{EventTopic, PartitionId};
use domain::wire::{Claim, Record};
use domain::{Cursor, RoomId, Timestamp};
use e2e::live::{BrokenChain, Live};
use e2e::patience::{LATE, until};
use e2e::person::Person;
use e2e::process::Node;
use e2e::stranger::{Foreign, Stranger, name};
use e2e::system::{Cluster, PARTITIONS, servers};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::scenarios::stream::Stream;
use crate::stage;

/// Stands in everything that the stranger writes, so that it is found wherever it comes out.
const MARKER: &str = "f0rged";
/// How often the stranger writes everything.
const ROUNDS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_in_the_topics_changes_nothing() -> Result<()> {
    let Some(servers) = servers()? else { return Ok(()) };
    let stage = stage("hostile-foreign").await?;
    let mut system = Cluster::start(&stage.folder, &servers, 1).await?;
    let at = system.addresses(0, 0)?;
    let ann = Person::sign_in(&at, "ann").await?;
    let stranger = Stranger::new(&servers.kafka, &system.topic_prefix)?;
    let stream = Stream::start(&ann, &system.command_urls(), "busy").await?;
    stream.progress(20).await?;
    let watched = ann.create_room("private", "watched").await?;
    let watcher = Watcher::start(&ann, &watched);

    let mut forged = 0;
    for round in 0..ROUNDS {
        for topic in EventTopic::ALL {
            for partition in 0..i32::try_from(PARTITIONS)? {
                for foreign in garbage(&watched) {
                    stranger.write(name(topic), partition, &foreign).await?;
                }
                forged += forge(&stranger, topic, partition, round).await?;
            }
        }
        // What people do goes on, between the rounds too.
        stream.progress(30).await?;
        ann.send(&watched, "calm").await?;
    }
    ensure!(forged > ROUNDS, "only {forged} forged records took a sequence");
    noise_in_the_other_topics(&stranger).await?;

    counted(system.command.first().context("none")?, r#"reader="owner""#).await?;
    counted(system.projectors.first().context("none")?, r#"reader="timeline""#).await?;
    counted(system.query.first().context("none")?, r#"reader="live""#).await?;
    parked(system.projectors.first().context("none")?, &stranger, forged).await?;

    // Whoever starts now reads all of it from the beginning, without a local store.
    let command = system.command.first_mut().context("none")?;
    command.kill().await?;
    std::fs::remove_dir_all(stage.folder.join("command-api-1"))?;
    std::fs::create_dir_all(stage.folder.join("command-api-1"))?;
    command.start().await?;
    for node in system.projectors.iter_mut().chain(&mut system.query) {
        node.kill().await?;
        node.start().await?;
    }
    stream.progress(30).await?;
    let last = ann.send(&watched, "calm").await?;
    ensure!(stream.finish().await? > 0, "an empty history");
    watcher.finish().await?;

    let history = ann.history(&watched, last.read_token.as_deref()).await?;
    let expected: Vec<_> = (1..=ROUNDS + 1).map(|number| (number, "calm")).collect();
    let found: Vec<_> =
        history.iter().zip(1..).filter_map(|(message, number)| Some((number, message.get("text")?.as_str()?))).collect();
    ensure!(found == expected, "{history:?}");
    nothing_came_out(&ann, &stage.folder).await
}

/// Records that count for nobody.
fn garbage(room: &str) -> Vec<Foreign> {
    let text = |text: &str| Some(text.as_bytes().to_vec());
    let body = || Some(json!({"number": 1, "author": "eve", "personal": {"text": MARKER}}).to_string().into_bytes());
    let event =
        || Foreign { key: text(room), value: body(), ..Foreign::default() }.with("ce_type", "sarangbang.room.message-sent.v1");
    let numbered = |epoch: &str, sequence: &str| event().with("ce_epoch", epoch).with("ce_partitionseq", sequence);
    // Where a name stands twice, the first counts, for every reader.
    let doubled = |name: &str, first: &str, second: &str| {
        let mut foreign = numbered("0", "1");
        foreign.headers.retain(|(known, _)| known != name);
        foreign.headers.extend([(name.to_owned(), text(first)), (name.to_owned(), text(second))]);
        foreign
    };
    vec![
        Foreign::default(),
        Foreign { key: text(room), ..Foreign::default() },
        Foreign { value: text(MARKER), ..Foreign::default() },
        Foreign { key: Some(vec![0xff; 64]), value: Some(vec![0xfe; 64]), ..Foreign::default() },
        Foreign { key: Some(b"k".repeat(10_000)), value: text("{"), ..Foreign::default() },
        // Incompressible, and near the most that the topic takes.
        Foreign {
            key: text(room),
            value: Some((0..1_000_000_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]).collect()),
            ..Foreign::default()
        },
        Foreign { headers: (0..1_000).map(|n| (format!("header-{n}"), None)).collect(), ..Foreign::default() },
        Foreign { headers: vec![("ce_type".to_owned(), None), ("ce_epoch".to_owned(), None)], ..Foreign::default() },
        event(),
        numbered("", ""),
        numbered("one", "two"),
        numbered("-1", "-1"),
        numbered("1.0", "1e0"),
        numbered("0", "0"),
        numbered("0", "1"),
        numbered("18446744073709551615", "1"),
        numbered("0", "18446744073709551615"),
        numbered("99999999999999999999999", "99999999999999999999999"),
        numbered("9223372036854775807", "9223372036854775807"),
        numbered("\u{0661}", "\u{0661}"),
        Foreign { value: None, ..numbered("0", "1") },
        doubled("ce_epoch", "0", "1"),
        doubled("ce_partitionseq", "0", "1"),
        doubled("ce_type", "", "sarangbang.room.message-sent.v1"),
        event().with("ce_type", "sarangbang.partition.claimed.v1").with("ce_epoch", "0"),
        event().with("ce_type", "sarangbang.partition.claimed.v1"),
        event().with("ce_type", "sarangbang.partition.barrier.v1").with("ce_epoch", "0").with("ce_partitionseq", "1"),
    ]
}

/// Records that count, for their epoch is the current one and their sequence the next, and that say nothing anybody can read.
fn forged(topic: EventTopic, partition: u32, cursor: Cursor, round: usize) -> Vec<Foreign> {
    let nobody = match topic {
        EventTopic::Users => format!("{MARKER}-{round}"),
        EventTopic::Rooms => RoomId::of_import(MARKER, &round.to_string()).to_string(),
    };
    let partition = PartitionId { topic, number: partition };
    let next =
        |offset: u64| Foreign::of(Record::of_barrier(partition, cursor.epoch, cursor.sequence + offset, Timestamp::default()));
    let of_type = |event_type: &str, offset: u64| {
        let mut foreign = next(offset).with("ce_type", event_type).with("ce_subject", nobody.clone());
        foreign.key = Some(nobody.clone().into_bytes());
        foreign.value = Some(json!({"personal": {"text": MARKER, "userName": MARKER}}).to_string().into_bytes());
        foreign
    };
    let known = match topic {
        EventTopic::Users => "sarangbang.user.registered.v1",
        EventTopic::Rooms => "sarangbang.room.message-sent.v1",
    };
    vec![
        of_type("sarangbang.room.painted.v9", 1),
        Foreign { value: Some(format!("{{\"personal\": {MARKER}").into_bytes()), ..of_type(known, 2) },
        Foreign { value: None, ..of_type(known, 3) },
        Foreign { value: Some([b"[".repeat(50_000), b"]".repeat(50_000)].concat()), ..of_type(known, 4) },
        Foreign { key: None, ..of_type(known, 5).with("ce_subject", b"\xff\xfe".to_vec()) },
        of_type(known, 6).with("ce_streamversion", "-1"),
    ]
}

/// Writes them and tells how many were taken for a record of the owner's. Where the owner writes at the same moment, its own record
/// comes first, and the stranger's does not count.
async fn forge(stranger: &Stranger, topic: EventTopic, partition: i32, round: usize) -> Result<usize> {
    let cursor = stranger.cursor(topic, partition).await?;
    let mut ids = Vec::new();
    for foreign in forged(topic, u32::try_from(partition)?, cursor, round) {
        let id = infra::random::uuid_v4().to_string();
        stranger.write(name(topic), partition, &foreign.with("ce_id", id.clone())).await?;
        ids.push(id);
    }
    // Of the current epoch, but out of sequence; then a barrier, which is a sequence that the owner did not draw; then a claim, which
    // takes the partition away from it.
    let partition_id = PartitionId { topic, number: u32::try_from(partition)? };
    let cursor = stranger.cursor(topic, partition).await?;
    for ahead in [1_000, 1] {
        let barrier = Record::of_barrier(partition_id, cursor.epoch, cursor.sequence + ahead, Timestamp::default());
        stranger.write(name(topic), partition, &Foreign::of(barrier)).await?;
    }
    let claim = Claim { claim_id: infra::random::uuid_v4(), node: MARKER.to_owned(), url: "http://127.0.0.1:1".to_owned() };
    let claim = Foreign::of(Record::of_claim(partition_id, cursor.epoch + 1, &claim, Timestamp::default()));
    // And first one that would leave no epoch to claim.
    stranger.write(name(topic), partition, &claim.clone().with("ce_epoch", i64::MAX.to_string())).await?;
    stranger.write(name(topic), partition, &Foreign { value: Some(b"{".to_vec()), ..claim.clone() }).await?;
    stranger.write(name(topic), partition, &claim.with("ce_epoch", (cursor.epoch + 2).to_string())).await?;
    let effective = stranger.effective(topic, partition).await?;
    let counts = |id: &&String| effective.iter().any(|record| record.header("ce_id") == Some(id.as_str()));
    Ok(ids.iter().filter(counts).count())
}

/// The topics that have no owner take noise, too.
async fn noise_in_the_other_topics(stranger: &Stranger) -> Result<()> {
    for topic in ["owners.v1", "reads.v1", "presence.v1"] {
        for value in [
            None,
            Some(Vec::new()),
            Some(b"{".to_vec()),
            Some(vec![0xff; 100]),
            Some(b"[".repeat(100_000)),
            Some(b"null".to_vec()),
        ] {
            for key in [Some(b"rooms.v1/0".to_vec()), Some(b"rooms.v1/9999".to_vec()), Some(vec![0xff])] {
                stranger.write(topic, 0, &Foreign { key, value: value.clone(), headers: Vec::new() }).await?;
            }
        }
    }
    Ok(())
}

/// One who follows a room all the while: whatever comes is checked for the chain, and for what the stranger wrote.
struct Watcher {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<Result<()>>,
}

impl Watcher {
    fn start(ann: &Person, room: &str) -> Self {
        let (stop, mut stopped) = watch::channel(false);
        let (ann, room) = (ann.clone(), room.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let watched = tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => return Ok(()),
                    watched = follow(&ann, &room) => watched,
                };
                match watched {
                    // What comes must be what was to come.
                    Err(error) if error.is::<BrokenChain>() => return Err(error),
                    // A partition with a record whose room nobody can tell makes its readers start anew; a restart does, too.
                    Err(error) => tracing::debug!(%error, "starting anew"),
                    Ok(()) => {}
                }
            }
        });
        Self { stop, task }
    }

    async fn finish(self) -> Result<()> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

/// Follows the room until the server says that one must start anew.
async fn follow(ann: &Person, room: &str) -> Result<()> {
    let mut live = Live::open(ann).await?;
    live.subscribe(room, None).await?;
    loop {
        let frame = live.next_of(&["message", "room", "member", "resync", "error"]).await?;
        assert!(!frame.to_string().contains(MARKER), "{frame}");
        if matches!(frame.get("type").and_then(Value::as_str), Some("resync" | "error")) {
            return Ok(());
        }
    }
}

/// A node counts what it ignores, by reason.
async fn counted(node: &Node, reader: &str) -> Result<()> {
    for reason in ["foreign", "wrong-epoch", "out-of-sequence", "late-claim", "early-claim"] {
        let label = format!(r#"reason="{reason}""#);
        let many =
            |line: &&str| line.starts_with("sarangbang_records_ignored_total") && line.contains(reader) && line.contains(&label);
        until(&format!("ignored records, {reader}, {reason}"), LATE, || async {
            let metrics = metrics(node).await?;
            Ok(metrics
                .lines()
                .find(many)
                .and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
                .filter(|count| *count > 0))
        })
        .await?;
    }
    Ok(())
}

async fn metrics(node: &Node) -> Result<String> {
    Ok(reqwest::get(format!("{}/metrics", node.internal_url())).await?.text().await?)
}

/// What counts and cannot be read is in the topic `parked`, once, and counted.
async fn parked(projectors: &Node, stranger: &Stranger, forged: usize) -> Result<()> {
    let mut unreadable = 0;
    for topic in EventTopic::ALL {
        for partition in 0..i32::try_from(PARTITIONS)? {
            let effective = stranger.effective(topic, partition).await?;
            unreadable += effective.iter().filter(|record| record.decode(topic).is_err()).count();
        }
    }
    ensure!(unreadable >= forged, "{unreadable} cannot be read, {forged} were forged");
    until("the parked events", LATE, || async {
        let metrics = metrics(projectors).await?;
        let counts = metrics.lines().filter(|line| line.starts_with("sarangbang_events_parked_total"));
        let count: usize = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum();
        Ok((count == unreadable).then_some(()))
    })
    .await?;
    let parked = stranger.read("parked.v1", 0).await?;
    ensure!(parked.len() == unreadable, "{} parked, {unreadable} cannot be read", parked.len());
    Ok(())
}

/// Neither a query nor a log of a node shows what the stranger wrote. The name of a claim is for operators: it may.
async fn nothing_came_out(ann: &Person, folder: &Path) -> Result<()> {
    for path in ["/chat/rooms?limit=200", "/chat/rooms/public?limit=200", "/chat/mentions?limit=200"] {
        let answer = ann.query(path, None).await?.success()?;
        ensure!(!answer.body.to_string().contains(MARKER), "{path}: {}", answer.body);
    }
    let nobody = ann.query(&format!("/chat/people/{MARKER}-0"), None).await?;
    ensure!(nobody.status == 404, "{nobody:?}");
    for role in ["projectors-1", "query-api-1"] {
        let log = std::fs::read_to_string(folder.join(role).join("out.log"))?;
        ensure!(!log.contains("panicked"), "{role} panicked");
        ensure!(!log.contains(&format!("\"{MARKER}\"")), "{role} logs what stood in a record");
    }
    Ok(())
}
