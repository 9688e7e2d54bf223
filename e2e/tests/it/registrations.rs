//! Registrations through the saga while its processes are killed: every one ends whole or not at all, and in exactly one way.
//!
//! The test says in `sagas.v1` what auth-api says there, and reads the log as anybody may. `cargo xtask prove registrations` asks for
//! 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use domain::acceptance::{Cursor, Verdict};
use domain::ids::EventTopic;
use domain::saga::{Envelope, Message, RegistrationPersonal, RegistrationRequested, SagaId, Step};
use domain::text::UserName;
use domain::wire::Entry;
use domain::{CommandId, Event, StreamId, Timestamp, UserId, user};
use e2e::patience::{LATE, until};
use e2e::process::Node;
use e2e::proof;
use e2e::system::{Cluster, PARTITIONS, Servers, servers};
use infra::log::{Log, StoredRecord, Topic, TopicPartition, kafka};
use uuid::Uuid;

use crate::sagas::administrator;
use crate::stage;

const FULL: usize = 10_000;
const SHORT: usize = 300;
/// Every so many ids are asked for by two, of whom one must be refused.
const CONTESTED_EACH: usize = 20;
/// How long nothing may end: longer than a fail-over and the longest pause before a step is tried again.
const STANDSTILL_MAX: Duration = Duration::from_secs(150);
const SAGAS: TopicPartition = TopicPartition { topic: Topic::Sagas, partition: 0 };

/// The settings that one orchestrator has in common with another.
const SHARED: [&str; 16] = [
    "log.kind",
    "log.brokers",
    "log.topic_prefix",
    "log.event_partitions",
    "log.session_timeout_ms",
    "read_model.kind",
    "read_model.postgres_url",
    "read_model.schema",
    "sagas.kind",
    "sagas.postgres_url",
    "sagas.schema",
    "tokens.jwks_url",
    "auth.service_secret_file",
    "upstream.auth_api_url",
    "upstream.command_api_url",
    "tokens.lifetime_ms",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_registration_ends_whole_or_not_at_all_whatever_is_killed() -> Result<()> {
    let stage = stage("registrations").await?;
    let Some(servers) = servers()? else { return Ok(()) };
    let count = if proof::is_wanted() { FULL } else { SHORT };
    let mut cluster = Cluster::start(&stage.folder, &servers, 1).await?;
    let mut second = second(&cluster.orchestrator, &stage.folder)?;
    second.start().await?;
    let log = log(&cluster, &servers).await?;
    let asked = ask(&*log, count).await?;

    let began = Instant::now();
    let mut ends = Ends::new(&*log).await?;
    for (part, killed) in [(15, 0), (40, 2), (65, 1)] {
        ends.wait_for(asked.len() * part / 100).await?;
        let victim = match killed {
            0 => &mut cluster.orchestrator,
            1 => &mut second,
            _ => cluster.command.first_mut().context("no command-api")?,
        };
        victim.kill().await?;
        victim.spawn()?;
    }
    ends.wait_for(asked.len()).await?;
    let took = began.elapsed();
    for node in cluster.command.iter_mut().chain([&mut cluster.orchestrator, &mut second]) {
        node.ready().await?;
    }
    let registered = judge(&asked, &ends, &registered(&*log).await?)?;
    compensated_are_shown(&cluster, [&cluster.orchestrator, &second], asked.len() - registered).await?;

    proof::record(
        "registrations asked for",
        &format!("{}, of them {} for an id that another asked for too", asked.len(), asked.len() - count),
    )?;
    proof::record("ended registered", &registered.to_string())?;
    proof::record("ended refused, with nothing of them in the log", &(asked.len() - registered).to_string())?;
    proof::record("kill -9", "3: each of two orchestrators, and the only command-api")?;
    let rate = asked.len() as f64 / took.as_secs_f64();
    proof::record("time, the kills and fail-overs included", &format!("{:.0} s ({rate:.0} a second)", took.as_secs_f64()))
}

/// Whoever watches sees those that were refused: in the list, and in the metrics of the orchestrators that ended them.
async fn compensated_are_shown(cluster: &Cluster, orchestrators: [&Node; 2], refused: usize) -> Result<()> {
    let root = administrator(cluster, &cluster.addresses(0, 0)?).await?;
    until("the list of those that were refused", LATE, async || {
        let page = root.query("/chat/admin/sagas?kind=registration&state=compensated&limit=200", None).await?.success()?;
        let sagas = page.array("/items")?;
        ensure!(sagas.len() == refused.min(200), "{} of {refused} are listed", sagas.len());
        ensure!(sagas.iter().all(|saga| saga["reason"] == "user-exists"), "{sagas:?}");
        Ok(Some(()))
    })
    .await?;
    let mut counted = 0;
    for node in orchestrators {
        let page = node.metrics().await?;
        let line = |line: &&str| line.starts_with("sarangbang_sagas_ended_total{") && line.contains("\"compensated\"");
        counted += page.lines().filter(line).filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum::<usize>();
    }
    // What was counted before a kill is gone with it.
    ensure!((1..=refused).contains(&counted), "{counted} of {refused} are counted");
    Ok(())
}

/// Another orchestrator beside the first.
fn second(first: &Node, folder: &std::path::Path) -> Result<Node> {
    let settings: Vec<(&str, String)> = SHARED.iter().filter_map(|name| Some((*name, first.setting(name)?.to_owned()))).collect();
    Node::new("orchestrator", "orchestrator-2", folder, &settings)
}

async fn log(cluster: &Cluster, servers: &Servers) -> Result<Arc<dyn Log>> {
    let event_partitions = NonZeroU32::new(PARTITIONS).context("no partitions")?;
    let options =
        kafka::Options { prefix: cluster.topic_prefix.clone(), event_partitions, ..kafka::Options::new(servers.kafka.clone()) };
    Ok(kafka::connect(options).await?)
}

/// Asks for `count` ids, some of them twice. Gives who is asked for by which saga.
async fn ask(log: &dyn Log, count: usize) -> Result<BTreeMap<SagaId, UserId>> {
    let producer = log.producer()?;
    let (mut asked, mut appending) = (BTreeMap::new(), Vec::new());
    for number in 0..count {
        let user_id = UserId::parse(&format!("person-{number:05}"))?;
        let times = if number.is_multiple_of(CONTESTED_EACH) { 2 } else { 1 };
        for key in 0..times {
            let saga = SagaId::of_registration(&user_id, Uuid::from_u128(key));
            let personal = RegistrationPersonal { user_name: UserName::parse(&format!("Person {number}"))? };
            let message = Message::RegistrationRequested(RegistrationRequested { user_id: user_id.clone(), personal });
            let envelope = Envelope { saga, time: Timestamp::default(), causation_id: None, traceparent: None, message };
            appending.push(producer.append(SAGAS, envelope.to_record())?);
            asked.insert(saga, user_id.clone());
        }
    }
    for appended in appending {
        appended.await?;
    }
    Ok(asked)
}

/// How sagas end, as `sagas.v1` tells it.
struct Ends {
    tail: Box<dyn infra::log::Tail>,
    /// Whether each ended registered.
    known: BTreeMap<SagaId, bool>,
}

impl Ends {
    async fn new(log: &dyn Log) -> Result<Self> {
        Ok(Self { tail: log.tail(SAGAS, 0).await?, known: BTreeMap::new() })
    }

    /// Reads until so many have ended.
    async fn wait_for(&mut self, count: usize) -> Result<()> {
        let mut progressed = Instant::now();
        while self.known.len() < count {
            let before = self.known.len();
            for stored in self.tail.next(1_000, Duration::from_secs(1)).await? {
                self.hear(&stored)?;
            }
            if self.known.len() > before {
                progressed = Instant::now();
            }
            ensure!(progressed.elapsed() < STANDSTILL_MAX, "{} of {count} have ended, and no more do", self.known.len());
        }
        Ok(())
    }

    /// A message may stand there twice, but never one that says something else.
    fn hear(&mut self, stored: &StoredRecord) -> Result<()> {
        let Envelope { saga, message, .. } = Envelope::of_record(&stored.record)?;
        let registered = match message {
            Message::PersonRegistered(_) => true,
            Message::RegistrationRefused(refused) => {
                ensure!(refused.reason.as_str() == "user-exists", "{saga} was refused: {}", refused.reason);
                false
            }
            _ => return Ok(()),
        };
        match self.known.insert(saga, registered) {
            Some(before) if before != registered => bail!("{saga} ended in two ways"),
            _ => Ok(()),
        }
    }
}

/// Who is registered in the log, by which command.
async fn registered(log: &dyn Log) -> Result<BTreeMap<UserId, CommandId>> {
    let mut registered = BTreeMap::new();
    for partition in 0..log.partitions(Topic::Users).get() {
        let of = TopicPartition { topic: Topic::Users, partition };
        let end = log.end(of).await?;
        let (mut tail, mut cursor, mut next) = (log.tail(of, 0).await?, Cursor::default(), 0);
        while next < end {
            for stored in tail.next(1_000, Duration::from_secs(5)).await? {
                next = stored.offset + 1;
                if cursor.accept(stored.record.mark()) != Verdict::Effective {
                    continue;
                }
                let Entry::Event(envelope) = stored.record.decode(EventTopic::Users)? else { continue };
                if let (StreamId::User(user), Event::User(user::Event::Registered(_))) = (envelope.stream, envelope.event) {
                    let other = registered.insert(user.clone(), envelope.metadata.command_id);
                    ensure!(other.is_none(), "{user} was registered twice");
                }
            }
        }
    }
    Ok(registered)
}

/// Holds what was told against what is in the log. Says how many are registered.
fn judge(asked: &BTreeMap<SagaId, UserId>, ends: &Ends, registered: &BTreeMap<UserId, CommandId>) -> Result<usize> {
    let people: BTreeSet<&UserId> = asked.values().collect();
    for (saga, user) in asked {
        let ended = *ends.known.get(saga).with_context(|| format!("{saga} has no end"))?;
        let own = registered.get(user).is_some_and(|command| *command == saga.command(&Step::RegisterUser));
        ensure!(ended == own, "{user} by {saga}: told {ended}, in the log {own}");
    }
    ensure!(registered.keys().collect::<BTreeSet<_>>() == people, "{} people, {} registered", people.len(), registered.len());
    Ok(ends.known.values().filter(|registered| **registered).count())
}
