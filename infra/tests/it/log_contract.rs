//! What every adapter of the port [`infra::log::Log`] must do. [`contract`] makes a test of each function here for one adapter.
//! Long because it is one list of promises.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use domain::wire::Record;
use futures_util::FutureExt as _;
use infra::log::{Fault, Log, Producer, StoredRecord, Tail, Topic, TopicPartition};

use crate::log_process::Place;

/// How long anything may take before a test gives up: generous, because machines are slow and nothing waits for it in vain.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One log of one adapter, made for one test.
#[async_trait]
pub trait Adapter: Sized + Send + Sync + 'static {
    /// Makes a fresh one; nothing when its server is not there.
    async fn fresh(event_partitions: NonZeroU32) -> Option<Self>;

    /// Opens it. An adapter of one process may need the log that it gave before to be dropped first.
    async fn open(&self) -> Arc<dyn Log>;

    /// Where it is, for a child process.
    fn place(&self) -> Place;
}

/// Makes a module's tests of the contract for one adapter.
macro_rules! contract {
    ($adapter:ty) => {
        crate::log_contract::contract!(@each $adapter, log_contract:
            records_keep_their_order_and_offsets_rise,
            a_tail_starts_anywhere_and_refuses_to_start_beyond_the_end,
            a_tail_waits_and_is_woken,
            several_tails_read_independently,
            a_cancelled_read_loses_nothing,
            reads_that_are_always_given_up_come_forward,
            what_is_skipped_is_never_given_out_and_what_follows_is,
            a_tail_of_a_compacted_topic_says_when_it_has_given_out_all,
            big_records_pass_up_to_the_limit,
            an_empty_partition_is_empty,
            many_partitions_are_independent,
            compacted_topics_keep_the_latest_of_each_key,
            records_survive_being_opened_again,
            unknown_partitions_are_refused,
        );
        crate::log_contract::contract!(@each $adapter, log_fencing:
            of_rival_claims_one_is_effective_for_every_reader,
            appends_of_unknown_outcome_leave_a_prefix,
        );
        crate::log_contract::contract!(@each $adapter, log_process: what_was_confirmed_survives_a_kill);
    };
    (@each $adapter:ty, $module:ident: $($name:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(adapter) = <$adapter as crate::log_contract::Adapter>::fresh(crate::log_contract::TWO).await {
                    crate::$module::$name(adapter).await;
                }
            }
        )*
    };
}
pub(crate) use contract;

/// How many partitions an event topic has in most tests.
pub const TWO: NonZeroU32 = NonZeroU32::new(2).unwrap();
const ROOMS: TopicPartition = TopicPartition { topic: Topic::Rooms, partition: 0 };

/// A record that carries a number.
pub fn numbered(number: usize) -> Record {
    Record {
        key: format!("key-{}", number % 7).into_bytes(),
        headers: vec![("ce_type".into(), b"test".to_vec()), ("x-number".into(), number.to_string().into_bytes())],
        value: format!("value {number}").into_bytes(),
    }
}

/// Reads from `tail` until `count` records came.
pub async fn read(tail: &mut dyn Tail, count: usize) -> Vec<StoredRecord> {
    let reading = async {
        let mut records = Vec::new();
        while records.len() < count {
            records.extend(tail.next(count - records.len(), PATIENCE).await.unwrap());
        }
        records
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the records did not come")
}

/// Reads all that is there now.
pub async fn read_all(log: &dyn Log, of: TopicPartition) -> Vec<StoredRecord> {
    let end = log.end(of).await.unwrap();
    let mut tail = log.tail(of, 0).await.unwrap();
    let mut records: Vec<StoredRecord> = Vec::new();
    let limit = tokio::time::Instant::now() + PATIENCE;
    // A compacted partition's last record is always there, so the end is reached by a record.
    while end > 0 && records.last().is_none_or(|last| last.offset + 1 < end) {
        assert!(tokio::time::Instant::now() < limit, "the records up to {end} did not come");
        records.extend(tail.next(1_000, Duration::from_secs(1)).await.unwrap());
    }
    records
}

pub async fn append(producer: &dyn Producer, to: TopicPartition, record: Record) -> Option<u64> {
    producer.append(to, record).unwrap().await.unwrap()
}

/// An adapter may have put a record of its own at the start of a partition: the tests' own begin where the log ends now.
async fn start_of(log: &dyn Log, of: TopicPartition) -> u64 {
    log.end(of).await.unwrap()
}

pub async fn records_keep_their_order_and_offsets_rise(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let sent: Vec<_> = (0..500).map(|number| producer.append(ROOMS, numbered(number)).unwrap()).collect();
    for (number, appending) in (0_u64..).zip(sent) {
        if let Some(offset) = appending.await.unwrap() {
            assert_eq!(offset, start + number, "offsets are dense while one session writes");
        }
    }
    assert_eq!(log.end(ROOMS).await.unwrap(), start + 500);
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let records = read(&mut *tail, 500).await;
    for (number, stored) in records.into_iter().enumerate() {
        assert_eq!(stored.offset, start + number as u64);
        assert!(stored.appended_at_ms.is_some());
        assert_eq!(stored.record, numbered(number));
    }
}

pub async fn a_tail_starts_anywhere_and_refuses_to_start_beyond_the_end(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    for number in 0..10 {
        append(&*producer, ROOMS, numbered(number)).await;
    }
    let mut tail = log.tail(ROOMS, start + 7).await.unwrap();
    let records = read(&mut *tail, 3).await;
    assert_eq!(records.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [start + 7, start + 8, start + 9]);
    let mut at_the_end = log.tail(ROOMS, start + 10).await.unwrap();
    assert_eq!(at_the_end.next(10, Duration::from_millis(1)).await.unwrap(), []);
    assert!(matches!(log.tail(ROOMS, start + 11).await, Err(Fault::Misconfigured(_))));
}

pub async fn a_tail_waits_and_is_woken(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let waiting = tokio::spawn(async move { read(&mut *tail, 1).await });
    let producer = log.producer().unwrap();
    append(&*producer, ROOMS, numbered(1)).await;
    assert_eq!(waiting.await.unwrap()[0].record, numbered(1));
}

pub async fn several_tails_read_independently(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let mut early = log.tail(ROOMS, start).await.unwrap();
    for number in 0..20 {
        append(&*producer, ROOMS, numbered(number)).await;
    }
    let mut late = log.tail(ROOMS, start).await.unwrap();
    let mut third = log.tail(ROOMS, start + 5).await.unwrap();
    assert_eq!(read(&mut *early, 20).await, read(&mut *late, 20).await);
    drop(early);
    append(&*producer, ROOMS, numbered(20)).await;
    assert_eq!(read(&mut *late, 1).await[0].offset, start + 20);
    assert_eq!(read(&mut *third, 16).await.last().unwrap().offset, start + 20);
    // A tail that comes after another was dropped starts where it was told to, not where that one was.
    let mut again = log.tail(ROOMS, start).await.unwrap();
    assert_eq!(read(&mut *again, 21).await[0].offset, start);
}

pub async fn a_cancelled_read_loses_nothing(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let mut seen = Vec::new();
    for number in 0..200 {
        let appending = producer.append(ROOMS, numbered(number)).unwrap();
        // The append races against the read, and whichever is slower is given up: the read often just as the record comes.
        tokio::select! {
            records = tail.next(10, PATIENCE) => seen.extend(records.unwrap()),
            _ = appending => {}
        }
    }
    seen.extend(read(&mut *tail, 200 - seen.len()).await);
    assert_eq!(seen.iter().map(|stored| stored.offset).collect::<Vec<_>>(), (start..start + 200).collect::<Vec<_>>());
}

/// Whoever waits for several things gives reads up all the time, and may be quicker each time than the disk or the network.
pub async fn reads_that_are_always_given_up_come_forward(adapter: impl Adapter) {
    const COUNT: usize = 500;
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let sent: Vec<_> = (0..COUNT).map(|number| producer.append(ROOMS, numbered(number)).unwrap()).collect();
    for appending in sent {
        appending.await.unwrap();
    }
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let mut seen: Vec<StoredRecord> = Vec::new();
    let limit = tokio::time::Instant::now() + PATIENCE;
    while seen.len() < COUNT {
        assert!(tokio::time::Instant::now() < limit, "{} of {COUNT} records came", seen.len());
        // Now more is asked for, now less than by the call that was given up before.
        let records_max = [300, 7][seen.len() % 2];
        match tail.next(records_max, PATIENCE).now_or_never() {
            Some(records) => {
                let records = records.unwrap();
                assert!(!records.is_empty() && records.len() <= records_max);
                seen.extend(records);
            }
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(seen.iter().map(|stored| stored.offset).collect::<Vec<_>>(), (start..start + COUNT as u64).collect::<Vec<_>>());
}

/// A caller that knows what stands somewhere may skip it while a read that was begun, and given up, is under way or has read ahead.
pub async fn what_is_skipped_is_never_given_out_and_what_follows_is(adapter: impl Adapter) {
    const COUNT: usize = 1_400;
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let sent: Vec<_> = (0..COUNT).map(|number| producer.append(ROOMS, numbered(number)).unwrap()).collect();
    for appending in sent {
        appending.await.unwrap();
    }
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let mut next = start;
    // By a little, as after a report, to what may be in memory already; and by so much that an adapter may begin anew.
    for (skipped_to, given_up) in [(20, 50), (150, 300), (1_300, 50), (1_390, 1)] {
        let skipped_to = start + skipped_to;
        if let Some(records) = tail.next(given_up, PATIENCE).now_or_never() {
            next = records.unwrap().last().unwrap().offset + 1;
        }
        tail.skip_to(skipped_to);
        // Never back: an adapter that was quick may have given out more.
        next = next.max(skipped_to);
        let limit = tokio::time::Instant::now() + PATIENCE;
        let records = loop {
            assert!(tokio::time::Instant::now() < limit, "nothing came behind {skipped_to}");
            match tail.next(1, PATIENCE).now_or_never() {
                Some(records) => break records.unwrap(),
                None => tokio::task::yield_now().await,
            }
        };
        assert_eq!(records.iter().map(|stored| stored.offset).collect::<Vec<_>>(), [next]);
        next += 1;
    }
    let end = start + COUNT as u64;
    let rest: Vec<_> = read(tail.as_mut(), COUNT - 1_391).await.iter().map(|stored| stored.offset).collect();
    assert_eq!(rest, (next..end).collect::<Vec<_>>());
}

pub async fn a_tail_of_a_compacted_topic_says_when_it_has_given_out_all(adapter: impl Adapter) {
    let log = adapter.open().await;
    let producer = log.producer().unwrap();
    let revoked = TopicPartition { topic: Topic::Revoked, partition: 0 };
    for records in [0, 40] {
        for number in 0..records {
            append(&*producer, revoked, numbered(number)).await;
        }
        let mut tail = log.tail(revoked, 0).await.unwrap();
        let limit = tokio::time::Instant::now() + PATIENCE;
        let mut came = Vec::new();
        while !tail.has_ended() {
            assert!(tokio::time::Instant::now() < limit, "it does not say so, of {records} records");
            came.extend(tail.next(5, Duration::from_millis(100)).await.unwrap());
        }
        let last = came.last().map(|stored| stored.record.clone());
        assert_eq!(last, records.checked_sub(1).map(numbered), "the last record was given out");
    }
}

pub async fn big_records_pass_up_to_the_limit(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    let limit = log.record_bytes_max();
    let of_size = |bytes: usize| {
        let mut record = numbered(0);
        // What does not compress, so that the limit is met on the wire too.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let noise = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        });
        record.value = noise.take(bytes - (record.size_bytes() - record.value.len())).collect();
        assert_eq!(record.size_bytes(), bytes);
        record
    };
    for (index, bytes) in [limit, limit - 1, 1_000, limit].into_iter().enumerate() {
        let offset = append(&*producer, ROOMS, of_size(bytes)).await;
        assert!(offset.is_none_or(|offset| offset == start + index as u64));
    }
    let refused = producer.append(ROOMS, of_size(limit + 1)).map(|_| ());
    assert!(matches!(refused, Err(Fault::TooLarge { bytes, bytes_max }) if bytes == limit + 1 && bytes_max == limit));
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let records = read(&mut *tail, 4).await;
    assert_eq!(records[0].record, of_size(limit));
    assert_eq!(records[2].record, of_size(1_000));
    assert_eq!(records[3].record, of_size(limit));
    assert_eq!(log.end(ROOMS).await.unwrap(), start + 4, "what was refused was not stored");
}

pub async fn an_empty_partition_is_empty(adapter: impl Adapter) {
    let log = adapter.open().await;
    for topic in Topic::ALL {
        let of = TopicPartition { topic, partition: log.partitions(topic).get() - 1 };
        let end = log.end(of).await.unwrap();
        let mut tail = log.tail(of, end).await.unwrap();
        assert_eq!(tail.next(10, Duration::from_millis(20)).await.unwrap(), []);
    }
}

pub async fn unknown_partitions_are_refused(adapter: impl Adapter) {
    let log = adapter.open().await;
    let nowhere = TopicPartition { topic: Topic::Rooms, partition: 2 };
    assert!(log.end(nowhere).await.is_err());
    assert!(log.tail(nowhere, 0).await.is_err());
    let outcome = match log.producer().unwrap().append(nowhere, numbered(0)) {
        Ok(appending) => appending.await,
        Err(fault) => Err(fault),
    };
    assert!(outcome.is_err());
}

pub async fn compacted_topics_keep_the_latest_of_each_key(adapter: impl Adapter) {
    let log = adapter.open().await;
    let producer = log.producer().unwrap();
    let reads = TopicPartition { topic: Topic::Reads, partition: 0 };
    // All at once, so that some are superseded within their own batch, and then one by one.
    let sent: Vec<_> = (0..50).map(|number| producer.append(reads, numbered(number)).unwrap()).collect();
    for appending in sent {
        appending.await.unwrap();
    }
    for number in 50..57 {
        append(&*producer, reads, numbered(number)).await;
    }
    let records = read_all(&*log, reads).await;
    assert!(records.is_sorted_by_key(|stored| stored.offset));
    for number in 50..57 {
        let of_key = records.iter().rfind(|stored| stored.record.key == numbered(number).key).unwrap();
        assert_eq!(of_key.record, numbered(number));
    }
}

pub async fn records_survive_being_opened_again(adapter: impl Adapter) {
    let log = adapter.open().await;
    let start = start_of(&*log, ROOMS).await;
    let producer = log.producer().unwrap();
    append(&*producer, TopicPartition { topic: Topic::Users, partition: 0 }, numbered(0)).await;
    for number in 0..10 {
        append(&*producer, ROOMS, numbered(number)).await;
    }
    drop((producer, log));
    let log = adapter.open().await;
    let identity = log.identity();
    drop(log);
    let log = adapter.open().await;
    assert_eq!(log.identity(), identity, "a log that holds something is known again");
    assert_eq!(log.end(ROOMS).await.unwrap(), start + 10);
    append(&*log.producer().unwrap(), ROOMS, numbered(10)).await;
    let mut tail = log.tail(ROOMS, start).await.unwrap();
    let records = read(&mut *tail, 11).await;
    assert!(records.iter().enumerate().all(|(number, stored)| stored.record == numbered(number)));
}

pub async fn many_partitions_are_independent<A: Adapter>(_two: A) {
    const PARTITIONS: u32 = 40;
    let Some(adapter) = A::fresh(NonZeroU32::new(PARTITIONS).unwrap()).await else { return };
    let log = adapter.open().await;
    let producer = log.producer().unwrap();
    let all: Vec<_> = [Topic::Users, Topic::Rooms]
        .into_iter()
        .flat_map(|topic| (0..PARTITIONS).map(move |partition| TopicPartition { topic, partition }))
        .collect();
    let mut tails = Vec::new();
    let mut sent = Vec::new();
    for (index, of) in all.iter().enumerate() {
        tails.push(log.tail(*of, log.end(*of).await.unwrap()).await.unwrap());
        sent.extend((0..5).map(|number| producer.append(*of, numbered(1_000 * index + number)).unwrap()));
    }
    for appending in sent {
        appending.await.unwrap();
    }
    for (index, tail) in tails.iter_mut().enumerate() {
        let records = read(&mut **tail, 5).await;
        assert!(records.iter().enumerate().all(|(number, stored)| stored.record == numbered(1_000 * index + number)));
    }
}
