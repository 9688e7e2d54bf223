//! The topics: what each must be like, made so where it is missing, and held against that at every start.
//!
//! Nodes that start at once race in creating; Kafka lets one win, and the others find it there.
//!
//! Long because what a topic must be like, and how each of that is judged, is one list to read at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::{Metadata, MetadataPartition};
use tokio::time::Instant;

use super::client::{Context, end_elsewhere, unavailable};
use super::settings::TOPIC_BATCH_BYTES_MAX;
use super::{FEW_EVENT_PARTITIONS, Options, settings};
use crate::log::{Fault, Topic, TopicPartition};

/// How long one request about topics may take.
const REQUEST_WAIT_MAX: Duration = Duration::from_secs(15);
/// How long new topics may take until every partition has a leader.
const LEADERS_WAIT_MAX: Duration = Duration::from_secs(30);
/// How often to look meanwhile.
const LEADERS_LOOK: Duration = Duration::from_millis(100);
/// Stands for a setting where a topic is missing altogether.
const EXISTENCE: &str = "the topic";
/// How many replicas a topic gets where there are as many brokers.
const REPLICAS: usize = 3;

/// The names and partition counts of one prefix.
pub struct Topics {
    names: BTreeMap<Topic, String>,
    options: Options,
}

impl Topics {
    pub fn new(options: &Options) -> Self {
        let name = |topic: Topic| (topic, format!("{}.{}", options.prefix, topic.base_name()));
        Self { names: Topic::ALL.into_iter().map(name).collect(), options: options.clone() }
    }

    /// The name in Kafka.
    pub fn name(&self, topic: Topic) -> &str {
        self.names.get(&topic).map_or_else(|| topic.base_name(), String::as_str)
    }

    /// The partition's number as Kafka counts, if there is such a partition.
    pub fn check(&self, of: TopicPartition) -> Result<i32, Fault> {
        let known = of.partition < self.options.partitions(of.topic).get();
        let number = i32::try_from(of.partition).ok().filter(|_| known);
        number.ok_or_else(|| Fault::Misconfigured(format!("there is no partition {of}")))
    }
}

/// What inspecting the topics found about one setting of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub level: Level,
    /// The topic's name.
    pub topic: String,
    /// The setting, as Kafka calls it.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What it should be.
    pub wanted: String,
    /// Why.
    pub why: &'static str,
}

/// How a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As wanted.
    Good,
    /// It works, but not as well as it could.
    Warning,
    /// A guarantee does not hold: nothing starts on it.
    Wrong,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, setting, value, wanted, why, .. } = self;
        if *setting == EXISTENCE {
            return write!(f, "{topic} is missing: {why}");
        }
        write!(f, "{topic}: {setting} is {value}, wanted is {wanted}: {why}")
    }
}

/// A setting of a topic.
struct Wanted {
    setting: &'static str,
    value: String,
    /// How bad another value is.
    otherwise: Level,
    /// Whether a greater number does as well.
    or_more: bool,
    why: &'static str,
}

/// What `topic` must be like when it has `replicas` replicas.
fn wanted(topic: Topic, replicas: usize) -> Vec<Wanted> {
    let exactly =
        |setting, value: &str, otherwise, why| Wanted { setting, value: value.to_owned(), otherwise, or_more: false, why };
    let in_sync = if replicas >= REPLICAS { "2" } else { "1" };
    let mut wanted = vec![
        Wanted {
            setting: "min.insync.replicas",
            value: in_sync.to_owned(),
            otherwise: Level::Wrong,
            or_more: true,
            why: "what is confirmed must outlive the loss of a broker, where there are brokers to lose",
        },
        Wanted {
            setting: "max.message.bytes",
            value: TOPIC_BATCH_BYTES_MAX.to_string(),
            otherwise: Level::Wrong,
            or_more: true,
            why: "a record up to our limit must be taken",
        },
        exactly(
            "unclean.leader.election.enable",
            "false",
            Level::Wrong,
            "a replica that lags behind must not lead: confirmed records would vanish",
        ),
        exactly(
            "message.timestamp.type",
            "LogAppendTime",
            Level::Warning,
            "a record tells when the log took it; when it was decided stands in ce_time. So no node's clock can make it expire",
        ),
        exactly(
            "compression.type",
            "producer",
            Level::Warning,
            "the broker stores batches as they come instead of packing them anew",
        ),
    ];
    let kept_for_ever = "events are the truth: they never expire";
    match topic {
        Topic::Owners | Topic::Reads | Topic::Revoked => wanted.extend([
            exactly("cleanup.policy", "compact", Level::Wrong, "the latest value of each key is kept for ever"),
            exactly("segment.bytes", "67108864", Level::Warning, "small segments are compacted sooner, so starting reads less"),
        ]),
        Topic::Presence => wanted.extend([
            exactly("cleanup.policy", "delete", Level::Wrong, "who typed is of no interest after a minute"),
            exactly("retention.ms", "60000", Level::Warning, "who typed is of no interest after a minute"),
            exactly("segment.ms", "60000", Level::Warning, "only whole segments expire"),
        ]),
        Topic::Users | Topic::Rooms | Topic::Sagas | Topic::Parked => wanted.extend([
            exactly("cleanup.policy", "delete", Level::Wrong, "compaction would drop events: every one counts"),
            exactly("retention.ms", "-1", Level::Wrong, kept_for_ever),
            exactly("retention.bytes", "-1", Level::Wrong, kept_for_ever),
        ]),
    }
    wanted
}

/// A client for questions about topics.
pub struct Admin {
    client: Arc<Ending>,
    topics: Arc<Topics>,
    options: Options,
}

/// The client, which must not be ended on a thread of the async runtime.
struct Ending(Option<AdminClient<Context>>);

impl Ending {
    fn get(&self) -> Result<&AdminClient<Context>, Fault> {
        self.0.as_ref().ok_or_else(|| Fault::Unavailable("the client has ended".to_owned()))
    }
}

impl Admin {
    pub fn new(options: &Options, topics: Arc<Topics>) -> Result<Self, Fault> {
        let client = settings::admin(options)?
            .create_with_context(Context::new("admin"))
            .map_err(|error| unavailable("Kafka cannot be asked", &error))?;
        Ok(Self { client: Arc::new(Ending(Some(client))), topics, options: options.clone() })
    }

    /// The cluster's own id.
    pub async fn cluster_id(&self) -> Result<String, Fault> {
        let client = self.client.clone();
        let id = blocking(move || Ok(client.get()?.inner().fetch_cluster_id(REQUEST_WAIT_MAX))).await?;
        id.ok_or_else(|| Fault::Unavailable(format!("no broker answers at {}", self.options.brokers)))
    }

    async fn metadata(&self) -> Result<Metadata, Fault> {
        let (client, brokers) = (self.client.clone(), self.options.brokers.clone());
        blocking(move || {
            let metadata = client.get()?.inner().fetch_metadata(None, REQUEST_WAIT_MAX);
            metadata.map_err(|error| unavailable(&format!("no broker answers at {brokers}"), &error))
        })
        .await
    }

    /// Creates the topics that are missing, waits until they can be used, and says how all of them stand.
    pub async fn create_missing(&self) -> Result<Vec<Finding>, Fault> {
        let metadata = self.metadata().await?;
        let replicas = self.replicas_wanted(&metadata);
        let missing: Vec<_> = Topic::ALL.into_iter().filter(|topic| self.partitions_in(&metadata, *topic).is_none()).collect();
        if !missing.is_empty() {
            self.create(&missing, replicas).await?;
        }
        self.wait_until_known().await
    }

    async fn create(&self, missing: &[Topic], replicas: usize) -> Result<(), Fault> {
        let wanted: Vec<_> = missing.iter().map(|topic| wanted(*topic, replicas)).collect();
        let mut topics = Vec::new();
        for (topic, wanted) in missing.iter().zip(&wanted) {
            let partitions = self.options.partitions(*topic).get();
            let count =
                i32::try_from(partitions).map_err(|_| Fault::Misconfigured(format!("{partitions} partitions are too many")))?;
            let replication = TopicReplication::Fixed(i32::try_from(replicas).unwrap_or(1));
            let new = NewTopic::new(self.topics.name(*topic), count, replication);
            topics.push(wanted.iter().fold(new, |new, wanted| new.set(wanted.setting, &wanted.value)));
        }
        let outcomes = self.client.get()?.create_topics(&topics, &requests()).await;
        for outcome in outcomes.map_err(|error| unavailable("topics cannot be created", &error))? {
            match outcome {
                Ok(name) => tracing::info!(topic = name, "created a topic"),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, error)) => return Err(Fault::Unavailable(format!("the topic {name} cannot be created: {error}"))),
            }
        }
        Ok(())
    }

    /// Waits until every partition has a leader and the brokers agree that the topics are there: they hear of new ones by and by.
    async fn wait_until_known(&self) -> Result<Vec<Finding>, Fault> {
        let started = Instant::now();
        loop {
            let leaderless = self.leaderless(&self.metadata().await?);
            let findings = self.inspect().await?;
            let missing = findings.iter().find(|finding| finding.setting == EXISTENCE).map(|finding| finding.topic.clone());
            let Some(waiting) = leaderless.or(missing) else { return Ok(findings) };
            if started.elapsed() > LEADERS_WAIT_MAX {
                return Err(Fault::Unavailable(format!(
                    "the topic {waiting} has partitions without a leader: are brokers down?"
                )));
            }
            tokio::time::sleep(LEADERS_LOOK).await;
        }
    }

    fn leaderless(&self, metadata: &Metadata) -> Option<String> {
        let led = |name: &&String| {
            let found = metadata.topics().iter().find(|found| found.name() == name.as_str());
            found.is_some_and(|found| !found.partitions().is_empty() && found.partitions().iter().all(|one| one.leader() >= 0))
        };
        self.topics.names.values().find(|name| !led(name)).cloned()
    }

    fn partitions_in(&self, metadata: &Metadata, topic: Topic) -> Option<usize> {
        let found = metadata.topics().iter().find(|found| found.name() == self.topics.name(topic))?;
        (!found.partitions().is_empty()).then(|| found.partitions().len())
    }

    /// Holds every topic against what is wanted. Creates nothing.
    pub async fn inspect(&self) -> Result<Vec<Finding>, Fault> {
        let metadata = self.metadata().await?;
        let names: Vec<_> = Topic::ALL.into_iter().map(|topic| ResourceSpecifier::Topic(self.topics.name(topic))).collect();
        let described = self.client.get()?.describe_configs(&names, &requests()).await;
        let mut configs = BTreeMap::new();
        for config in described.map_err(|error| unavailable("the topics' settings cannot be read", &error))? {
            match config {
                Ok(config) => configs.insert(name_of(&config), config),
                Err(RDKafkaErrorCode::UnknownTopicOrPartition) => continue,
                Err(code) => return Err(Fault::Unavailable(format!("the topics' settings cannot be read: {code}"))),
            };
        }
        let mut findings = Vec::new();
        for topic in Topic::ALL {
            let name = self.topics.name(topic);
            // A broker that has not heard of a topic yet answers with no settings at all.
            let config = configs.get(name).filter(|config| !config.entries.is_empty());
            let (Some(partitions), Some(config)) = (self.partitions_in(&metadata, topic), config) else {
                findings.push(missing(name));
                continue;
            };
            findings.push(self.judge_count(topic, partitions));
            let replicas = self.fewest(&metadata, topic, |partition| partition.replicas().len());
            findings.push(self.judge_replicas(name, replicas, self.replicas_wanted(&metadata)));
            findings.push(judge_in_sync(name, self.fewest(&metadata, topic, |partition| partition.isr().len()), replicas));
            findings.extend(wanted(topic, replicas).into_iter().map(|wanted| judge(name, wanted, config)));
        }
        Ok(findings)
    }

    fn judge_count(&self, topic: Topic, partitions: usize) -> Finding {
        let wanted = self.options.partitions(topic).get();
        let few = matches!(topic, Topic::Users | Topic::Rooms) && wanted < FEW_EVENT_PARTITIONS.get();
        let (level, why) = match () {
            () if u32::try_from(partitions) != Ok(wanted) => {
                (Level::Wrong, "a key's partition depends on it, so it is fixed for life")
            }
            () if few => {
                (Level::Warning, "it is fixed for life, and limits how many nodes can share the work; 24 suit a cluster")
            }
            () => (Level::Good, "a key's partition depends on it, so it is fixed for life"),
        };
        Finding {
            level,
            topic: self.topics.name(topic).to_owned(),
            setting: "partitions",
            value: partitions.to_string(),
            wanted: wanted.to_string(),
            why,
        }
    }

    /// As many as are set; else three where there are as many brokers now.
    fn replicas_wanted(&self, metadata: &Metadata) -> usize {
        let by_brokers = if metadata.brokers().len() >= REPLICAS { REPLICAS } else { 1 };
        self.options.replicas.map_or(by_brokers, |replicas| usize::from(replicas.get()))
    }

    fn judge_replicas(&self, name: &str, replicas: usize, wanted: usize) -> Finding {
        let fewer = if self.options.replicas.is_some() { Level::Wrong } else { Level::Warning };
        Finding {
            level: if replicas >= wanted { Level::Good } else { fewer },
            topic: name.to_owned(),
            setting: "replicas",
            value: replicas.to_string(),
            wanted: wanted.to_string(),
            why: "with three, one broker may be lost and another be down without losing anything",
        }
    }

    /// `count` of the partition that has the fewest.
    fn fewest(&self, metadata: &Metadata, topic: Topic, count: impl Fn(&MetadataPartition) -> usize) -> usize {
        let found = metadata.topics().iter().find(|found| found.name() == self.topics.name(topic));
        found.and_then(|found| found.partitions().iter().map(count).min()).unwrap_or_default()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        end_elsewhere(self.0.take());
    }
}

fn name_of(config: &ConfigResource) -> String {
    match &config.specifier {
        OwnedResourceSpecifier::Topic(name) => name.clone(),
        _ => String::new(),
    }
}

fn missing(name: &str) -> Finding {
    Finding {
        level: Level::Wrong,
        topic: name.to_owned(),
        setting: EXISTENCE,
        value: "missing".to_owned(),
        wanted: "there".to_owned(),
        why: "a node creates it when it starts",
    }
}

/// Only a warning: a node has to start while a broker is down.
fn judge_in_sync(name: &str, in_sync: usize, replicas: usize) -> Finding {
    Finding {
        level: if in_sync >= replicas { Level::Good } else { Level::Warning },
        topic: name.to_owned(),
        setting: "in-sync replicas",
        value: in_sync.to_string(),
        wanted: replicas.to_string(),
        why: "a broker is down or lags behind; with fewer than min.insync.replicas nothing can be written",
    }
}

fn judge(name: &str, wanted: Wanted, config: &ConfigResource) -> Finding {
    let value = config.get(wanted.setting).and_then(|entry| entry.value.clone()).unwrap_or_else(|| "not set".to_owned());
    let number = |text: &str| text.parse::<i64>().ok();
    let enough = wanted.or_more && number(&value) >= number(&wanted.value);
    let level = if enough || value == wanted.value { Level::Good } else { wanted.otherwise };
    Finding { level, topic: name.to_owned(), setting: wanted.setting, value, wanted: wanted.value, why: wanted.why }
}

fn requests() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(REQUEST_WAIT_MAX)).operation_timeout(Some(REQUEST_WAIT_MAX))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Fault::Unavailable(format!("a call to Kafka broke off: {error}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_is_down_is_a_warning_that_says_so() {
        assert_eq!(judge_in_sync("t", 3, 3).level, Level::Good);
        let behind = judge_in_sync("t", 2, 3);
        assert_eq!(behind.level, Level::Warning);
        assert!(behind.to_string().starts_with("t: in-sync replicas is 2, wanted is 3: a broker is down"), "{behind}");
        assert_eq!(missing("t").to_string(), "t is missing: a node creates it when it starts");
    }
}
