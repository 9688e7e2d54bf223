//! The contract's part about processes that are killed or paused: this binary runs itself as a child.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;

use domain::acceptance::{Epoch, Ignored, Sequence};
use infra::log::{Fault, Log, Offset, Topic, TopicPartition, embedded, kafka};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::log_contract::{Adapter, PATIENCE, TWO, numbered, read_all};
use crate::log_fencing::{Fold, PARTITION, barrier, win};

/// Tells the child what to do: `append`, `own` or `fill`.
const TASK: &str = "SARANGBANG_TEST_CHILD_TASK";
/// Tells the child which log to open: [`Place`] as text.
const PLACE: &str = "SARANGBANG_TEST_CHILD_LOG";
/// How many appends the child has under way at once.
const WINDOW: usize = 64;

/// Where a log is, so that a child can open it.
pub enum Place {
    /// In this folder.
    Folder(String),
    /// On these brokers, with this prefix.
    Kafka(String, String),
}

impl Place {
    fn to_text(&self) -> String {
        match self {
            Self::Folder(folder) => format!("folder|{folder}"),
            Self::Kafka(brokers, prefix) => format!("kafka|{brokers}|{prefix}"),
        }
    }

    async fn open(text: &str) -> Arc<dyn Log> {
        match *text.split('|').collect::<Vec<_>>() {
            ["folder", folder] => {
                let options = embedded::Options { event_partitions: TWO, ..embedded::Options::default() };
                embedded::open(folder.as_ref(), options).unwrap()
            }
            ["kafka", brokers, prefix] => {
                let options = kafka::Options { prefix: prefix.to_owned(), event_partitions: TWO, ..kafka::Options::new(brokers) };
                kafka::connect(options).await.unwrap()
            }
            _ => unreachable!("{text} is no place"),
        }
    }
}

/// No test, but what a child runs: without the variables it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let (Ok(task), Ok(place)) = (std::env::var(TASK), std::env::var(PLACE)) else { return };
    // The test harness has begun a line.
    println!();
    let log = Place::open(&place).await;
    match task.as_str() {
        "append" => append_for_ever(&*log).await,
        "own" => own_until_fenced(log).await,
        "fill" => append_until_the_disk_is_full(&*log).await,
        _ => unreachable!("{task} is no task"),
    }
}

/// Appends to two partitions until it is killed, and tells what was confirmed.
async fn append_for_ever(log: &dyn Log) {
    let producer = log.producer().unwrap();
    let mut under_way = std::collections::VecDeque::new();
    for number in 0.. {
        let to = of_number(number);
        under_way.push_back((number, producer.append(to, numbered(number)).unwrap()));
        if under_way.len() == WINDOW
            && let Some((number, appending)) = under_way.pop_front()
        {
            let offset = appending.await.unwrap().map_or_else(|| "-".to_owned(), |offset| offset.to_string());
            println!("confirmed {number} {offset}");
        }
    }
}

fn of_number(number: usize) -> TopicPartition {
    let topic = if number.is_multiple_of(3) { Topic::Users } else { Topic::Rooms };
    TopicPartition { topic, partition: 1 }
}

/// Claims the partition and appends to it until its own fold shows a higher claim; then, against the rules, appends a little more.
async fn own_until_fenced(log: Arc<dyn Log>) {
    let producer = log.producer().unwrap();
    let mut fold = Fold::start(&*log).await;
    let epoch = win(&*log, &*producer, &mut fold).await;
    println!("won {epoch}");
    let mut sequence = fold.cursor.sequence;
    while fold.cursor.epoch == epoch {
        sequence += 1;
        producer.append(PARTITION.into(), barrier(epoch, sequence)).unwrap().await.unwrap();
        println!("appended {sequence}");
        fold.catch_up(&*log).await;
    }
    println!("fenced {}", fold.cursor.epoch);
    for _ in 0..5 {
        sequence += 1;
        producer.append(PARTITION.into(), barrier(epoch, sequence)).unwrap().await.unwrap();
    }
    println!("stale {sequence}");
}

/// Appends until the log cannot be written, and goes on a little: the process must live, and no append may be confirmed then.
async fn append_until_the_disk_is_full(log: &dyn Log) {
    let producer = log.producer().unwrap();
    let mut refused = 0;
    for number in 0.. {
        match producer.append(of_number(number), numbered(number)).unwrap().await {
            Ok(Some(offset)) if refused == 0 => println!("confirmed {number} {offset}"),
            Ok(offset) => unreachable!("{number} was confirmed at {offset:?} after a fault"),
            Err(Fault::Unconfirmed(_)) if refused == 0 => refused = 1,
            Err(Fault::Unavailable(_)) if refused > 0 => refused += 1,
            Err(fault) => unreachable!("the fault number {refused} was {fault:?}"),
        }
        if refused == 10 {
            break;
        }
    }
    assert!(matches!(log.failed().await, Fault::Unavailable(_)), "and whoever runs the log is told");
    // What is there can still be read.
    assert!(!read_all(log, of_number(0)).await.is_empty());
    println!("refused {refused}");
}

/// A child of this process; killed when it is dropped.
struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(task: &str, place: &Place) -> Self {
        Self::start_with(Command::new(std::env::current_exe().unwrap()), task, place)
    }

    /// The same on a disk that is nearly full, as far as the child can tell: no file of its can grow beyond half a mebibyte or one,
    /// and a write that would do so fails instead of killing it.
    fn start_on_a_full_disk(task: &str, place: &Place) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        Self::start_with(shell, task, place)
    }

    fn start_with(mut command: Command, task: &str, place: &Place) -> Self {
        let mut child = command
            .args(["--exact", "log_process::child", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env(PLACE, place.to_text())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The words of the child's next line that begins with `word`; nothing when it ended.
    async fn next(&mut self, words: &[&str]) -> Option<Vec<String>> {
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let said: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
                if said.first().is_some_and(|first| words.contains(&first.as_str())) {
                    return Some(said);
                }
            }
            None
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("the child says nothing")
    }

    /// Sends it a signal: `STOP`, `CONT`.
    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("sh").args(["-c", &format!("kill -s {name} {id}")]).status().await.unwrap().success());
    }
}

pub async fn what_was_confirmed_survives_a_kill(adapter: impl Adapter) {
    const CONFIRMED: usize = 3_000;
    let mut running = Running::start("append", &adapter.place());
    let mut confirmed: BTreeMap<usize, Option<Offset>> = BTreeMap::new();
    let mut killed = false;
    while let Some(said) = running.next(&["confirmed"]).await {
        // A line that the kill cut short is no confirmation.
        if let [_, number, offset] = &said[..] {
            confirmed.insert(number.parse().unwrap(), offset.parse().ok());
        }
        if confirmed.len() >= CONFIRMED && !killed {
            running.child.start_kill().unwrap();
            killed = true;
        }
    }
    running.child.wait().await.unwrap();
    assert!(killed, "the child ended by itself");

    let log = adapter.open().await;
    let mut found = BTreeMap::new();
    for topic in [Topic::Users, Topic::Rooms] {
        let of = TopicPartition { topic, partition: 1 };
        let mut last = None;
        for stored in read_all(&*log, of).await {
            let number: usize = stored.record.header("x-number").unwrap().parse().unwrap();
            assert_eq!((of_number(number), &stored.record), (of, &numbered(number)));
            assert!(last < Some(number), "{number} is out of order or there twice");
            last = Some(number);
            found.insert(number, stored.offset);
        }
    }
    for (number, offset) in confirmed {
        let at = found.get(&number).unwrap_or_else(|| unreachable!("{number} was confirmed and is gone"));
        assert!(offset.is_none_or(|offset| offset == *at), "{number} was confirmed at {offset:?} and is at {at}");
    }
}

/// For the embedded log: a broker's disk is the broker's matter.
pub async fn a_full_disk_confirms_nothing_and_loses_nothing(adapter: impl Adapter) {
    let log = adapter.open().await;
    log.producer().unwrap().append(PARTITION.into(), barrier(1, 1)).unwrap().await.unwrap();
    drop(log);
    let mut running = Running::start_on_a_full_disk("fill", &adapter.place());
    let mut confirmed = Vec::new();
    let refused = loop {
        let said = running.next(&["confirmed", "refused"]).await.expect("the child lives");
        match &said[..] {
            [word, count] if word == "refused" => break count.clone(),
            [_, number, offset] => confirmed.push((number.parse::<usize>().unwrap(), offset.parse::<Offset>().unwrap())),
            said => unreachable!("{said:?}"),
        }
    };
    assert_eq!(refused, "10");
    assert!(running.child.wait().await.unwrap().success());
    assert!(confirmed.len() > 100, "there was some room");

    let log = adapter.open().await;
    let mut stored = BTreeMap::new();
    for of in [of_number(0), of_number(1)] {
        stored.extend(read_all(&*log, of).await.into_iter().map(|stored| ((of, stored.offset), stored.record)));
    }
    for (number, offset) in confirmed {
        assert_eq!(stored.get(&(of_number(number), offset)), Some(&numbered(number)));
    }
    // With room again, it goes on.
    log.producer().unwrap().append(PARTITION.into(), barrier(1, 2)).unwrap().await.unwrap();
}

/// Not for the embedded log: no second process can open its folder.
pub async fn a_paused_owner_is_fenced(adapter: impl Adapter) {
    let log = adapter.open().await;
    let mut owner = Running::start("own", &adapter.place());
    let mut appended = 0;
    while appended < 100 {
        let said = owner.next(&["appended"]).await.expect("the owner works");
        appended = said[1].parse().unwrap();
    }
    owner.signal("STOP").await;

    let producer = log.producer().unwrap();
    let mut fold = Fold::start(&*log).await;
    let epoch = win(&*log, &*producer, &mut fold).await;
    let taken_over_at: Sequence = fold.cursor.sequence;
    assert_eq!(epoch, 2);
    assert!(taken_over_at >= appended, "what the owner was confirmed before it paused is effective");
    for sequence in taken_over_at + 1..=taken_over_at + 50 {
        producer.append(PARTITION.into(), barrier(epoch, sequence)).unwrap().await.unwrap();
    }
    owner.signal("CONT").await;

    let fenced: Epoch = owner.next(&["fenced"]).await.expect("it learns that it is fenced")[1].parse().unwrap();
    assert_eq!(fenced, epoch);
    let stale: Sequence = owner.next(&["stale"]).await.expect("it goes on in vain")[1].parse().unwrap();
    assert!(owner.child.wait().await.unwrap().success());

    // The new owner works on, undisturbed, after the old one's late records.
    let sequence = taken_over_at + 51;
    producer.append(PARTITION.into(), barrier(epoch, sequence)).unwrap().await.unwrap();
    let mut fresh = Fold::start(&*log).await;
    fresh.catch_up(&*log).await;
    let wanted: Vec<_> = (1..=sequence).map(|number| (if number <= taken_over_at { 1 } else { epoch }, number)).collect();
    assert_eq!(fresh.effective(), wanted);
    let late = usize::try_from(stale - taken_over_at).unwrap();
    assert!(late >= 5);
    assert_eq!(fresh.ignored(Ignored::WrongEpoch), late, "all its late records are in the log, and none counts");
}
