//! The log in Kafka: the contract, and what only Kafka can do. Needs `SARANGBANG_TEST_KAFKA`.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use infra::log::kafka::{self, Level, Options};
use infra::log::{Fault, Log, Topic, TopicPartition};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

use crate::log_contract::{Adapter, PATIENCE, TWO, append, contract, numbered, read};
use crate::log_process::{self, Place};

pub struct Kafka {
    options: Options,
}

#[async_trait]
impl Adapter for Kafka {
    async fn fresh(event_partitions: NonZeroU32) -> Option<Self> {
        let mut options = Options::new(crate::server("SARANGBANG_TEST_KAFKA")?);
        options.prefix = format!("test-{}", infra::random::uuid_v4());
        options.event_partitions = event_partitions;
        Some(Self { options })
    }

    async fn open(&self) -> Arc<dyn Log> {
        kafka::connect(self.options.clone()).await.unwrap()
    }

    fn place(&self) -> Place {
        Place::Kafka(self.options.brokers.clone(), self.options.prefix.clone())
    }
}

impl Drop for Kafka {
    /// Deletes the test's topics: one set of brokers serves a whole day.
    fn drop(&mut self) {
        let options = self.options.clone();
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let admin = admin(&options);
            let names: Vec<_> = Topic::ALL.iter().map(|topic| format!("{}.{}", options.prefix, topic.base_name())).collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            runtime.block_on(admin.delete_topics(&names, &AdminOptions::new())).map(|_| ())
        });
        if !matches!(deleting.join(), Ok(Ok(()))) {
            println!("the topics {}.* were not deleted", self.options.prefix);
        }
    }
}

fn admin(options: &Options) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &options.brokers).create().unwrap()
}

contract!(Kafka);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_owner_is_fenced() {
    if let Some(kafka) = Kafka::fresh(TWO).await {
        log_process::a_paused_owner_is_fenced(kafka).await;
    }
}

const ROOMS: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 0 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_agree_on_the_topics() {
    let Some(kafka) = Kafka::fresh(TWO).await else { return };
    let starting: Vec<_> = (0..4).map(|_| tokio::spawn(kafka::connect(kafka.options.clone()))).collect();
    for node in starting {
        let log = node.await.unwrap().unwrap();
        assert_eq!(log.partitions(Topic::Rooms), TWO);
    }
    let findings = kafka::inspect(&kafka.options).await.unwrap();
    assert!(findings.iter().all(|finding| finding.level < Level::Wrong));
    // A broker of the loaded machine may just lag behind, which is no matter of settings.
    let settings = findings.iter().filter(|finding| finding.setting != "in-sync replicas");
    let warned: Vec<_> = settings.filter(|finding| finding.level == Level::Warning).map(|found| found.setting).collect();
    assert_eq!(warned, ["partitions", "partitions"], "two partitions are few; all else is as wanted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_wrong_settings_is_refused_by_name() {
    let Some(kafka) = Kafka::fresh(TWO).await else { return };
    drop(kafka.open().await);
    let three = Options { event_partitions: NonZeroU32::new(3).unwrap(), ..kafka.options.clone() };
    let refused = kafka::connect(three).await.map(|_| ());
    assert!(
        matches!(&refused, Err(Fault::Misconfigured(text)) if text.contains("rooms.v1: partitions is 2, wanted is 3")),
        "{refused:?}"
    );
    let rooms = format!("{}.rooms.v1", kafka.options.prefix);
    let expiring = AlterConfig::new(ResourceSpecifier::Topic(&rooms)).set("retention.ms", "604800000");
    admin(&kafka.options).alter_configs([&expiring], &AdminOptions::new()).await.unwrap();
    // Brokers hear of the change by and by.
    let refused = tokio::time::timeout(PATIENCE, async {
        loop {
            match kafka::connect(kafka.options.clone()).await {
                Ok(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
                Err(fault) => return fault,
            }
        }
    });
    let fault = refused.await.unwrap();
    assert!(
        matches!(&fault, Fault::Misconfigured(text) if text.contains("retention.ms is 604800000, wanted is -1")),
        "{fault:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_shares_the_partitions_and_who_leaves_hands_them_over() {
    let Some(kafka) = Kafka::fresh(NonZeroU32::new(4).unwrap()).await else { return };
    let log = kafka.open().await;
    let first = log.assignment("owners").await.unwrap();
    let mut of_first = first.watch();
    let all = tokio::time::timeout(PATIENCE, of_first.wait_for(|assigned| assigned.len() == 8)).await.unwrap().unwrap().clone();
    let second = log.assignment("owners").await.unwrap();
    let mut of_second = second.watch();
    let shared =
        tokio::time::timeout(PATIENCE, of_second.wait_for(|assigned| assigned.len() == 4)).await.unwrap().unwrap().clone();
    let kept = tokio::time::timeout(PATIENCE, of_first.wait_for(|assigned| assigned.len() == 4)).await.unwrap().unwrap().clone();
    assert!(kept.is_disjoint(&shared));
    for topic in EventTopic::ALL {
        let of_topic = |assigned: &BTreeSet<PartitionId>| assigned.iter().filter(|partition| partition.topic == topic).count();
        assert_eq!((of_topic(&kept), of_topic(&shared)), (2, 2), "each has half of {topic:?}, not just of their sum");
    }
    first.commit(*kept.first().unwrap(), 0);
    first.leave().await;
    assert!(first.watch().borrow().is_empty(), "what one had is taken away when it leaves");
    let inherited =
        tokio::time::timeout(PATIENCE, of_second.wait_for(|assigned| assigned.len() == 8)).await.unwrap().unwrap().clone();
    assert_eq!(inherited, all);
    second.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_stranger_with_odd_headers_is_read_and_not_ours() {
    let Some(kafka) = Kafka::fresh(TWO).await else { return };
    let log = kafka.open().await;
    let stranger: rdkafka::producer::FutureProducer =
        ClientConfig::new().set("bootstrap.servers", &kafka.options.brokers).create().unwrap();
    let topic = format!("{}.rooms.v1", kafka.options.prefix);
    // No key, no value, and a header without a value.
    let headers = rdkafka::message::OwnedHeaders::new().insert(rdkafka::message::Header::<&[u8]> { key: "x", value: None });
    let bare = rdkafka::producer::FutureRecord::<[u8], [u8]>::to(&topic).partition(0).headers(headers);
    stranger.send(bare, PATIENCE).await.unwrap();
    append(&*log.producer().unwrap(), ROOMS, numbered(1)).await;
    let records = read(&mut *log.tail(ROOMS, 0).await.unwrap(), 2).await;
    assert_eq!(records[0].record.mark(), domain::acceptance::Mark::Foreign);
    assert_eq!(records[1].record, numbered(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hole_that_a_strangers_transaction_leaves_is_read_over() {
    use rdkafka::producer::Producer as _;
    let Some(kafka) = Kafka::fresh(TWO).await else { return };
    let log = kafka.open().await;
    let (brokers, topic) = (kafka.options.brokers.clone(), format!("{}.rooms.v1", kafka.options.prefix));
    let transaction = tokio::task::spawn_blocking(move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers).set("transactional.id", topic.clone());
        let stranger: rdkafka::producer::FutureProducer = config.create().unwrap();
        stranger.init_transactions(PATIENCE).unwrap();
        stranger.begin_transaction().unwrap();
        let record = rdkafka::producer::FutureRecord::to(&topic).partition(0).key("k").payload("v");
        let _under_way = stranger.send_result(record).map_err(|(error, _)| error).unwrap();
        stranger.commit_transaction(PATIENCE).unwrap();
    });
    transaction.await.unwrap();
    let producer = log.producer().unwrap();
    for number in 0..3 {
        append(&*producer, ROOMS, numbered(number)).await;
    }
    let records = read(&mut *log.tail(ROOMS, 0).await.unwrap(), 4).await;
    let offsets: Vec<_> = records.iter().map(|stored| stored.offset).collect();
    assert_eq!(offsets, [0, 2, 3, 4], "the marker of the transaction has the offset 1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_dropped_gives_up_what_is_under_way_without_waiting() {
    let Some(kafka) = Kafka::fresh(TWO).await else { return };
    let log = kafka.open().await;
    let producer = log.producer().unwrap();
    let under_way: Vec<_> = (0..1_000).map(|number| producer.append(ROOMS, numbered(number)).unwrap()).collect();
    let started = std::time::Instant::now();
    drop(producer);
    assert!(started.elapsed() < std::time::Duration::from_millis(100), "dropping took {:?}", started.elapsed());
    for appending in under_way {
        let outcome = tokio::time::timeout(PATIENCE, appending).await.expect("every append is answered");
        assert!(matches!(outcome, Ok(_) | Err(Fault::Unconfirmed(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn brokers_that_are_not_there_are_told_of() {
    if crate::server("SARANGBANG_TEST_KAFKA").is_none() {
        return;
    }
    let fault = kafka::connect(Options::new("127.0.0.1:1")).await.map(|_| ()).unwrap_err();
    assert!(matches!(&fault, Fault::Unavailable(text) if text.contains("127.0.0.1:1")), "{fault:?}");
}
