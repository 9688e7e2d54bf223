//! Which partitions a node should own: consumer groups that assign them, one for each event topic, and fetch nothing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use domain::ids::{EventTopic, PartitionId};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::statistics::Statistics;
use rdkafka::{ClientContext, Offset as KafkaOffset, TopicPartitionList};
use tokio::sync::watch;

use super::client::{Context, unavailable};
use super::{Options, Topics, settings};
use crate::log::{Assignment, Fault, Offset, Topic};

/// How long the thread waits for news of the group at a time, and so how late it may notice that it is to leave.
const POLL_WAIT: Duration = Duration::from_millis(250);
/// How long leaving may take. Librdkafka's closing waits for the group's broker, which may be the one that is gone.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(5);

/// A node's place in the group of each event topic.
pub struct KafkaAssignment {
    memberships: Vec<Membership>,
    topics: Arc<Topics>,
    assigned: watch::Receiver<BTreeSet<PartitionId>>,
}

/// A membership in the group of one topic.
struct Membership {
    topic: EventTopic,
    /// There until the group is left. The thread closes the consumer when it is the last to have it.
    consumer: Mutex<Option<Arc<BaseConsumer<Member>>>>,
    closed: watch::Receiver<bool>,
}

impl KafkaAssignment {
    /// Joins a group for each event topic. One group for both would balance their sum: of two nodes one may then have all rooms and the
    /// other all people, who cause a fraction of the work.
    pub fn join(options: &Options, topics: Arc<Topics>, group: &str) -> Result<Self, Fault> {
        let (publish, assigned) = watch::channel(BTreeSet::new());
        let publish = Arc::new(publish);
        let join = |topic| Membership::join(options, topics.clone(), group, topic, publish.clone());
        let memberships = EventTopic::ALL.into_iter().map(join).collect::<Result<_, Fault>>()?;
        Ok(Self { memberships, topics, assigned })
    }

    fn commit_now(&self, partition: PartitionId, next_offset: Offset) -> KafkaResult<()> {
        let Some(membership) = self.memberships.iter().find(|membership| membership.topic == partition.topic) else {
            return Ok(());
        };
        let consumer = membership.consumer.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(consumer), Ok(offset), Ok(number)) =
            (consumer.as_ref(), i64::try_from(next_offset), self.topics.check(partition.into()))
        else {
            return Ok(());
        };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(self.topics.name(partition.topic.into()), number, KafkaOffset::Offset(offset))?;
        consumer.commit(&list, CommitMode::Async)
    }
}

impl Membership {
    fn join(
        options: &Options,
        topics: Arc<Topics>,
        group: &str,
        topic: EventTopic,
        assigned: Arc<watch::Sender<BTreeSet<PartitionId>>>,
    ) -> Result<Self, Fault> {
        let name = topics.name(topic.into()).to_owned();
        let member = Member { context: Context::new("assignment"), topics, topic, assigned };
        let consumer: BaseConsumer<Member> = settings::assignment(options, group, topic)?
            .create_with_context(member)
            .map_err(|error| unavailable("the group cannot be joined", &error))?;
        consumer.subscribe(&[&name]).map_err(|error| unavailable("the group cannot be joined", &error))?;
        let consumer = Arc::new(consumer);
        let (close, closed) = watch::channel(false);
        let polled = consumer.clone();
        std::thread::Builder::new()
            .name(format!("kafka-group-{}", Topic::from(topic).base_name()))
            .spawn(move || {
                serve(polled);
                close.send_replace(true);
            })
            .map_err(|error| Fault::Unavailable(format!("the group's thread cannot be started: {error}")))?;
        Ok(Self { topic, consumer: Mutex::new(Some(consumer)), closed })
    }

    fn begin_to_leave(&self) {
        self.consumer.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Polls until nobody else has the consumer; dropping it then leaves the group and waits for that.
fn serve(consumer: Arc<BaseConsumer<Member>>) {
    while Arc::strong_count(&consumer) > 1 {
        // Partitions are paused as they are assigned; a record that was fetched before that is of no use here.
        let _ = consumer.poll(POLL_WAIT);
    }
    drop(consumer);
}

#[async_trait]
impl Assignment for KafkaAssignment {
    fn watch(&self) -> watch::Receiver<BTreeSet<PartitionId>> {
        self.assigned.clone()
    }

    fn commit(&self, partition: PartitionId, next_offset: Offset) {
        if let Err(error) = self.commit_now(partition, next_offset) {
            tracing::debug!(%partition, next_offset, %error, "the group's offset was not committed; only lag tools miss it");
        }
    }

    async fn leave(&self) {
        self.memberships.iter().for_each(Membership::begin_to_leave);
        let all_closed = async {
            for membership in &self.memberships {
                // An error says that the thread is gone, and the consumer with it.
                let _ = membership.closed.clone().wait_for(|closed| *closed).await;
            }
        };
        if tokio::time::timeout(LEAVE_WAIT_MAX, all_closed).await.is_err() {
            tracing::warn!("leaving the groups took too long; they notice by their session time-out");
        }
    }
}

/// The member's context: what librdkafka calls from within poll.
struct Member {
    context: Context,
    topics: Arc<Topics>,
    topic: EventTopic,
    /// What the node is assigned of both topics.
    assigned: Arc<watch::Sender<BTreeSet<PartitionId>>>,
}

impl Member {
    fn partitions(&self, list: &TopicPartitionList) -> Vec<PartitionId> {
        let (name, topic) = (self.topics.name(self.topic.into()), self.topic);
        let elements = list.elements();
        let known = elements.iter().filter(|element| element.topic() == name);
        known.filter_map(|element| Some(PartitionId { topic, number: u32::try_from(element.partition()).ok()? })).collect()
    }
}

impl ConsumerContext for Member {
    /// Before they are taken away: the owner steps down from them first.
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            let revoked = self.partitions(list);
            tracing::info!(
                topic = Topic::from(self.topic).base_name(),
                partitions = revoked.len(),
                "the group took partitions away"
            );
            self.assigned.send_modify(|assigned| assigned.retain(|partition| !revoked.contains(partition)));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                if let Err(error) = consumer.pause(list) {
                    tracing::warn!(%error, "assigned partitions could not be paused; their records are fetched in vain");
                }
                let assigned = self.partitions(list);
                tracing::info!(
                    topic = Topic::from(self.topic).base_name(),
                    partitions = assigned.len(),
                    "the group assigned partitions"
                );
                self.assigned.send_modify(|all| all.extend(assigned));
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "the group could not be rebalanced; it is tried again"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "the group's offsets were not committed; only lag tools miss them");
        }
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.context.stats(statistics);
    }
}
