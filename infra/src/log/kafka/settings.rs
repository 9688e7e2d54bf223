//! Every setting that we give librdkafka, with its reason. What is not here has librdkafka's default on purpose.
//!
//! An operator can add only what concerns the way to the brokers ([`Options::properties`]): what a guarantee rests on cannot be
//! set from outside.

use domain::ids::EventTopic;
use rdkafka::ClientConfig;

use super::Options;
use crate::log::{Fault, RECORD_BYTES_MAX, Topic};

/// The most bytes of a batch that a topic takes: Kafka's own default, stated so that it is verified. It leaves a record of
/// [`RECORD_BYTES_MAX`] 48 KiB for the batch's frame and its headers' lengths.
pub const TOPIC_BATCH_BYTES_MAX: usize = 1_048_588;
const _: () = assert!(RECORD_BYTES_MAX + 40_000 < TOPIC_BATCH_BYTES_MAX);

/// Beginnings of the names that an operator may set: addresses, encryption, sign-in, diagnosis.
const OPEN_TO_OPERATORS: &[&str] = &[
    "security.",
    "sasl.",
    "ssl.",
    "enable.ssl.",
    "broker.address.",
    "client.rack",
    "client.dns.",
    "socket.connection.",
    "debug",
];

/// A setting: its name, its value, and why.
type Setting = (&'static str, &'static str, &'static str);

const COMMON: &[Setting] = &[
    ("allow.auto.create.topics", "false", "a mistyped prefix must fail, not make topics with the broker's defaults"),
    ("socket.keepalive.enable", "true", "a connection that a firewall dropped is noticed though it is idle"),
    (
        "socket.timeout.ms",
        "10000",
        "a broker that is gone without a word is given up within the time a client waits for an answer",
    ),
    ("reconnect.backoff.max.ms", "1000", "after a broker's restart its partitions are back within a second, not within ten"),
    ("retry.backoff.max.ms", "1000", "as above, for requests that a new leader refused"),
    ("log.connection.close", "false", "brokers close idle connections as they please; that is no news"),
];

const PRODUCER: &[Setting] = &[
    (
        "enable.idempotence",
        "true",
        "a retried request is stored once and in order; brings acks=all and at most 5 requests at once",
    ),
    ("acks", "all", "confirmed means: on every replica in sync, at least min.insync.replicas of them"),
    ("linger.ms", "0", "nobody waits for company: what arrives while requests are on their way goes out together anyway"),
    ("compression.type", "lz4", "a replayed log is a third of the size; costs next to nothing, and needs no library"),
    ("message.max.bytes", "1040000", "above our own limit, which answers first, and below the topic's"),
    ("batch.size", "500000", "batches stay below what a consumer fetches at once"),
    ("queue.buffering.max.messages", "20000", "a full queue is a 503 at once; more would only be waiting past every deadline"),
    ("queue.buffering.max.kbytes", "65536", "the same in bytes: 64 MiB a producer"),
    ("request.timeout.ms", "10000", "how long a leader may wait for its replicas before it says no"),
];

const READER: &[Setting] = &[
    ("enable.auto.commit", "false", "positions are kept with what was made of the records, never here"),
    ("enable.auto.offset.store", "false", "as above"),
    ("auto.offset.reset", "error", "a position that is not in the log any more must be told, never be skipped over"),
    ("isolation.level", "read_uncommitted", "nothing is written in transactions; the acceptance rule decides what counts"),
    ("check.crcs", "true", "a damaged record must not be taken for a foreign one"),
    ("fetch.min.bytes", "1", "a new record is sent at once"),
    (
        "fetch.wait.max.ms",
        "100",
        "bounds how long a new tail waits for the request that is under way; an idle one asks ten times a second",
    ),
    ("fetch.error.backoff.ms", "100", "a partition that changes its leader is asked for again soon"),
    ("fetch.message.max.bytes", "524288", "a partition's share of one answer: with 200 partitions at most 100 MiB at once"),
    ("fetch.max.bytes", "16777216", "one answer's limit, whatever the number of partitions"),
    ("queued.max.messages.kbytes", "1024", "holds for each partition, because each has its own queue here"),
    ("queued.min.messages", "2000", "enough to keep a replay busy; the limit in bytes is what holds"),
    ("fetch.queue.backoff.ms", "5", "a full queue is looked at again soon: the default of a second would slow every replay down"),
];

const ASSIGNMENT: &[Setting] = &[
    ("enable.auto.commit", "false", "only what a projector has stored is committed, by name"),
    ("enable.auto.offset.store", "false", "as above"),
    ("auto.offset.reset", "latest", "never used: assigned partitions are paused, not fetched"),
    (
        "partition.assignment.strategy",
        "cooperative-sticky",
        "a node that comes or goes moves only the partitions that must move. The new group protocol (KIP-848) moves as few, but \
         needs Kafka 4 everywhere and takes the session time-out from the broker",
    ),
    (
        "heartbeat.interval.ms",
        "500",
        "a member hears with a heartbeat that another is gone: this long, at most, a fail-over takes beside the session time-out",
    ),
    ("max.poll.interval.ms", "60000", "a thread of its own polls and does nothing else"),
    ("queued.min.messages", "1", "nothing is fetched"),
    ("queued.max.messages.kbytes", "64", "nothing is fetched"),
];

/// The settings of a producer.
pub fn producer(options: &Options) -> Result<ClientConfig, Fault> {
    let mut config = with(options, "producer", PRODUCER)?;
    // Librdkafka holds a record no longer than this, retries included; then its outcome is unknown.
    config.set("delivery.timeout.ms", options.delivery_timeout.as_millis().to_string());
    Ok(config)
}

/// The settings of a consumer that tails partitions; with `tells_ends`, one that says when it has found nothing more. It never joins its
/// group: librdkafka only wants a name to have a group's machinery, which assigns partitions one by one.
pub fn reader(options: &Options, tells_ends: bool) -> Result<ClientConfig, Fault> {
    let mut config = with(options, "tail", READER)?;
    config.set("group.id", format!("{}.tails", options.prefix));
    // Costs a wake-up after each batch, so only where it is needed.
    config.set("enable.partition.eof", tells_ends.to_string());
    Ok(config)
}

/// The settings of a member of the group `group` of `topic`.
pub fn assignment(options: &Options, group: &str, topic: EventTopic) -> Result<ClientConfig, Fault> {
    let mut config = with(options, "assignment", ASSIGNMENT)?;
    config.set("group.id", format!("{}.{group}.{}", options.prefix, Topic::from(topic).base_name()));
    config.set("session.timeout.ms", options.session_timeout.as_millis().to_string());
    Ok(config)
}

/// The settings of the client that creates and describes topics.
pub fn admin(options: &Options) -> Result<ClientConfig, Fault> {
    with(options, "admin", &[])
}

fn with(options: &Options, role: &str, settings: &[Setting]) -> Result<ClientConfig, Fault> {
    let mut config = ClientConfig::new();
    for (name, value) in &options.properties {
        if !OPEN_TO_OPERATORS.iter().any(|open| name.starts_with(open)) {
            let open = OPEN_TO_OPERATORS.join(", ");
            return Err(Fault::Misconfigured(format!(
                "the Kafka property {name} cannot be set; only those that begin with {open}"
            )));
        }
        config.set(name, value);
    }
    config.set("bootstrap.servers", &options.brokers);
    config.set("client.id", format!("{}-{role}", options.client_id));
    config.set("statistics.interval.ms", options.statistics_interval.as_millis().to_string());
    for (name, value, _why) in COMMON.iter().chain(settings) {
        config.set(*name, *value);
    }
    // Librdkafka itself logs; the level only says what it hands over to us.
    config.set_log_level(rdkafka::config::RDKafkaLogLevel::Info);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::producer::BaseProducer;

    use super::*;

    #[test]
    fn librdkafka_takes_every_setting() {
        // The statistics are off: clients without their own context would print them.
        let options = Options { statistics_interval: std::time::Duration::ZERO, ..Options::new("127.0.0.1:1") };
        producer(&options).unwrap().create::<BaseProducer>().unwrap();
        reader(&options, true).unwrap().create::<BaseConsumer>().unwrap();
        assignment(&options, "owners", EventTopic::Rooms).unwrap().create::<BaseConsumer>().unwrap();
    }

    #[test]
    fn guarantees_cannot_be_set_away() {
        let mut options = Options::new("127.0.0.1:1");
        options.properties.insert("client.rack".to_owned(), "a".to_owned());
        assert_eq!(producer(&options).unwrap().get("client.rack"), Some("a"));
        options.properties.insert("acks".to_owned(), "1".to_owned());
        assert!(matches!(producer(&options), Err(Fault::Misconfigured(text)) if text.contains("acks")));
    }
}
