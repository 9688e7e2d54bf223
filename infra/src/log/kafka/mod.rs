//! The log in Kafka, through librdkafka.
//!
//! Invariants:
//! * every partition is chosen by us, explicitly: librdkafka's partitioner never runs;
//! * no call that waits for a broker runs on a thread of the async runtime, and each has a limit in time;
//! * a delivery report proves what it says and no more: a negative offset is no offset, an error is an unknown outcome.
//!
//! Deliberately absent: transactions (see the design: they cost twenty times the latency, and fence less than the acceptance
//! rule), topics made by the broker on their own, and settings from outside that a guarantee rests on.

mod assignment;
mod client;
mod producer;
mod settings;
mod tail;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::num::{NonZeroU8, NonZeroU32};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use self::assignment::KafkaAssignment;
use self::producer::KafkaProducer;
use self::tail::Readers;
use self::topics::{Admin, Topics};
pub use self::topics::{Finding, Level};
use super::{Assignment, Fault, Log, Offset, Producer, RECORD_BYTES_MAX, Tail, Topic, TopicPartition};

/// How many partitions an event topic has, unless set otherwise: enough to share among a dozen nodes.
pub const EVENT_PARTITIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(23);
/// Fewer partitions than this are warned about: their number is fixed for life.
pub const FEW_EVENT_PARTITIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
/// The name space of what identifies a log by its first records.
const IDENTITIES: Uuid = Uuid::from_u128(0x2f6b_51a4_0c3e_4b0b_9c55_6d1f_8f6e_a120);
/// How long a partition's first record may take to come.
const FIRST_RECORD_WAIT_MAX: Duration = Duration::from_secs(10);

/// What the adapter can be told.
#[derive(Clone)]
pub struct Options {
    /// Addresses of some brokers, `host:port`, separated by commas.
    pub brokers: String,
    /// Stands before each topic's and group's name, with a dot.
    pub prefix: String,
    /// How brokers' logs name this node.
    pub client_id: String,
    /// How many partitions each event topic has: fixed for life. The other topics have one.
    pub event_partitions: NonZeroU32,
    /// How many replicas a topic must have. Where it is not set: three when at least three brokers are up as the topic is made,
    /// else one. A cluster should set it, because a broker may be down just then.
    pub replicas: Option<NonZeroU8>,
    /// How long a record may take to be confirmed, retries included; then its outcome is unknown.
    pub delivery_timeout: Duration,
    /// How long a node may be silent before its partitions go to others.
    pub session_timeout: Duration,
    /// How often librdkafka's statistics go to the metrics; zero for never.
    pub statistics_interval: Duration,
    /// Further properties of librdkafka that concern the way to the brokers: `security.protocol`, `sasl.…`, `ssl.…`.
    pub properties: BTreeMap<String, String>,
}

impl Options {
    /// The defaults, for these brokers.
    #[must_use]
    pub fn new(brokers: impl Into<String>) -> Self {
        Self {
            brokers: brokers.into(),
            prefix: "sarangbang".to_owned(),
            client_id: "sarangbang".to_owned(),
            event_partitions: EVENT_PARTITIONS,
            replicas: None,
            delivery_timeout: Duration::from_secs(20),
            session_timeout: Duration::from_secs(10),
            statistics_interval: Duration::from_secs(15),
            properties: BTreeMap::new(),
        }
    }

    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        if matches!(topic, Topic::Users | Topic::Rooms) { self.event_partitions } else { NonZeroU32::MIN }
    }
}

impl fmt::Debug for Options {
    /// Without the values of the properties: passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("brokers", &self.brokers)
            .field("prefix", &self.prefix)
            .field("client_id", &self.client_id)
            .field("event_partitions", &self.event_partitions)
            .field("replicas", &self.replicas)
            .field("delivery_timeout", &self.delivery_timeout)
            .field("session_timeout", &self.session_timeout)
            .field("statistics_interval", &self.statistics_interval)
            .field("properties", &self.properties.keys())
            .finish()
    }
}

/// Connects to Kafka: creates the topics that are missing, and holds all of them against what is wanted.
///
/// # Errors
/// [`Fault::Unavailable`] when no broker answers in time; [`Fault::Misconfigured`] when a topic is not as it must be, naming the
/// topic, the setting, its value and the wanted one, or when librdkafka does not take a property.
pub async fn connect(options: Options) -> Result<Arc<dyn Log>, Fault> {
    let topics = Arc::new(Topics::new(&options));
    let admin = Admin::new(&options, topics.clone())?;
    let cluster = admin.cluster_id().await?;
    refuse_what_is_wrong(&admin.create_missing().await?)?;
    let readers = Arc::new(Readers::new(options.clone(), topics.clone()));
    let mut identity = format!("kafka/{cluster}");
    for topic in [Topic::Users, Topic::Rooms] {
        identity = format!("{identity}/{}", identity_of(&readers, topic).await?);
    }
    Ok(Arc::new(KafkaLog { options, topics, readers, identity }))
}

/// Holds every topic against what is wanted, without creating any: what `sarangbang doctor` prints.
///
/// # Errors
/// [`Fault::Unavailable`] when no broker answers in time.
pub async fn inspect(options: &Options) -> Result<Vec<Finding>, Fault> {
    Admin::new(options, Arc::new(Topics::new(options)))?.inspect().await
}

fn refuse_what_is_wrong(findings: &[Finding]) -> Result<(), Fault> {
    for warning in findings.iter().filter(|finding| finding.level == Level::Warning) {
        tracing::warn!("topic {warning}");
    }
    let wrong: Vec<_> =
        findings.iter().filter(|finding| finding.level == Level::Wrong).map(|wrong| format!("topic {wrong}")).collect();
    if wrong.is_empty() { Ok(()) } else { Err(Fault::Misconfigured(wrong.join("; "))) }
}

/// What tells this topic from another one of the same name: its first record, which is a claim with a random id, and never
/// expires. While there is none, the name is a random one: it ties a cache to nothing, which costs one replay at the next start.
async fn identity_of(readers: &Arc<Readers>, topic: Topic) -> Result<Uuid, Fault> {
    let first = TopicPartition { topic, partition: 0 };
    if readers.end(first).await? == 0 {
        return Ok(crate::random::uuid_v4());
    }
    let records = readers.tail(first, 0).await?.next(1, FIRST_RECORD_WAIT_MAX).await?;
    let Some(stored) = records.first() else {
        return Err(Fault::Unavailable(format!("the first record of {first} did not come in time")));
    };
    let text = format!("{:?} {:?}", stored.appended_at_ms, stored.record);
    Ok(Uuid::new_v5(&IDENTITIES, text.as_bytes()))
}

struct KafkaLog {
    options: Options,
    topics: Arc<Topics>,
    readers: Arc<Readers>,
    identity: String,
}

#[async_trait]
impl Log for KafkaLog {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn record_bytes_max(&self) -> usize {
        RECORD_BYTES_MAX
    }

    fn partitions(&self, topic: Topic) -> NonZeroU32 {
        self.options.partitions(topic)
    }

    fn producer(&self) -> Result<Arc<dyn Producer>, Fault> {
        Ok(Arc::new(KafkaProducer::start(&self.options, self.topics.clone())?))
    }

    async fn end(&self, of: TopicPartition) -> Result<Offset, Fault> {
        self.readers.end(of).await
    }

    async fn tail(&self, of: TopicPartition, from: Offset) -> Result<Box<dyn Tail>, Fault> {
        Ok(Box::new(self.readers.tail(of, from).await?))
    }

    async fn assignment(&self, group: &str) -> Result<Box<dyn Assignment>, Fault> {
        Ok(Box::new(KafkaAssignment::join(&self.options, self.topics.clone(), group)?))
    }
}
