//! Generations of the read model: what both databases promise ([`crate::read_model_contract`] makes tests of it), and what a reader
//! does who no longer hears which one is live.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use infra::read_model::generations::{Control, Current, Generation, Generations, Stated};
use infra::read_model::{Changes, Digest, Fault, READS, Snapshot, TABLES, Timeline, sqlite};
use tokio_util::sync::CancellationToken;

use crate::read_model_contract::{Adapter, PARTITION, Rows, everything};

const TWO: Generation = Generation::FIRST.next();

async fn digests(moment: &mut dyn Snapshot) -> Vec<Digest> {
    let mut digests = Vec::new();
    for table in TABLES {
        digests.push(moment.digest(table).await.unwrap());
    }
    digests
}

pub async fn generations_stand_side_by_side_until_one_is_taken_away(adapter: &impl Adapter) {
    let generations = adapter.generations().await;
    let first = generations.open(Generation::FIRST).await.unwrap();
    everything(3).write(&*adapter.open().await).await;
    assert!(first.user(&"a".parse().unwrap()).await.unwrap().is_some(), "the first is where the read model always was");
    let second = generations.open(TWO).await.unwrap();
    assert_eq!(second.checkpoints().await.unwrap(), []);
    // By another way, with the same outcome.
    for version in 1..=3 {
        everything(version).write(&*second).await;
    }
    let (mut ours, mut theirs) = (second.snapshot().await.unwrap(), first.snapshot().await.unwrap());
    assert_eq!(digests(&mut *ours).await, digests(&mut *theirs).await);
    drop((ours, theirs, second));

    generations.remove(TWO).await.unwrap();
    generations.remove(TWO).await.unwrap();
    assert!(first.user(&"a".parse().unwrap()).await.unwrap().is_some());
    assert_eq!(generations.open(TWO).await.unwrap().checkpoints().await.unwrap(), []);
    generations.remove(TWO).await.unwrap();
}

pub async fn of_two_decisions_on_one_revision_one_counts(adapter: &impl Adapter) {
    let (one, other) = tokio::join!(adapter.generations(), adapter.generations());
    let begin = one.control().await.unwrap();
    assert_eq!((&begin, &begin.control), (&other.control().await.unwrap(), &Control::default()));
    let dropping = |number: u32| {
        let generation = (1..number).fold(Generation::FIRST, |generation, _| generation.next());
        Control { dropping: BTreeSet::from([generation]), ..Control::default() }
    };
    let (ours, theirs) = (dropping(7), dropping(8));
    let decided = tokio::join!(one.decide(begin.revision, &ours), other.decide(begin.revision, &theirs));
    let (ours_won, theirs_won) = (decided.0.unwrap(), decided.1.unwrap());
    assert!(ours_won != theirs_won, "exactly one must count");
    let now = adapter.generations().await.control().await.unwrap();
    assert!(now.revision > begin.revision);
    assert_eq!(now.control, if ours_won { ours } else { theirs });
    assert!(!one.decide(begin.revision, &Control::default()).await.unwrap());
}

pub async fn a_snapshot_stands_still_and_every_table_counts_in_it(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    everything(5).write(&*timeline).await;
    let mut five = timeline.snapshot().await.unwrap();
    everything(6).write(&*timeline).await;
    let mut six = timeline.snapshot().await.unwrap();
    assert_eq!(five.checkpoints()[&PARTITION].next_offset + 1, six.checkpoints()[&PARTITION].next_offset);
    let (before, after) = (digests(&mut *five).await, digests(&mut *six).await);
    assert_eq!(before, digests(&mut *five).await, "it stands still");
    for ((table, before), after) in TABLES.iter().zip(before).zip(after) {
        assert_eq!((before.rows, after.rows), (1, 1), "{}", table.name);
        assert_ne!(before.checksum, after.checksum, "{}", table.name);
    }
}

pub async fn amending_lowers_nothing_and_moves_no_checkpoint(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    everything(5).write(&*timeline).await;
    let (at, dump) = (timeline.checkpoints().await.unwrap(), adapter.dump().await);
    timeline.amend(&everything(4).0).await.unwrap();
    assert_eq!(adapter.dump().await, dump);
    timeline.amend(&Rows::default().message(1, 2, "late", 3).0).await.unwrap();
    let late = timeline.message(crate::read_model_contract::room(1), 2, &"a".parse().unwrap()).await.unwrap();
    assert_eq!(late.and_then(|late| late.text).as_deref(), Some("late"));
    assert_eq!(timeline.checkpoints().await.unwrap(), at);
}

pub async fn read_positions_of_a_snapshot_come_page_by_page(adapter: &impl Adapter) {
    let timeline = adapter.open().await;
    let mut rows = Rows::default();
    for number in 1..=7 {
        rows = rows.read(u128::from(number % 3), &format!("user{number}"), number);
    }
    rows.clone().write(&*timeline).await;
    let mut moment = timeline.snapshot().await.unwrap();
    let (mut found, mut after, mut pages) = (Changes::default(), None, 0);
    while let Some((page, last)) = moment.reads(after.as_ref(), 2).await.unwrap() {
        found.reads.extend(page.reads);
        (after, pages) = (Some(last), pages + 1);
    }
    assert_eq!((found.reads, pages), (rows.0.reads, 4));
    assert_eq!(moment.digest(READS).await.unwrap().rows, 7);
}

/// Generations whose control document cannot be read for a while.
struct Deaf {
    inner: Arc<dyn Generations>,
    deaf: AtomicBool,
}

#[async_trait]
impl Generations for Deaf {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    async fn control(&self) -> Result<Stated, Fault> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err(Fault::Unavailable("deaf".to_owned()));
        }
        self.inner.control().await
    }
    async fn decide(&self, expected: u64, next: &Control) -> Result<bool, Fault> {
        self.inner.decide(expected, next).await
    }
    async fn open(&self, generation: Generation) -> Result<Arc<dyn Timeline>, Fault> {
        self.inner.open(generation).await
    }
    async fn remove(&self, generation: Generation) -> Result<(), Fault> {
        self.inner.remove(generation).await
    }
}

async fn until(condition: impl Fn() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("waited in vain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_changes_over_and_stops_when_it_no_longer_hears_which_one_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let inner = sqlite::generations(&folder.path().join("timeline.sqlite")).await.unwrap();
    let deaf = Arc::new(Deaf { inner: Arc::clone(&inner), deaf: AtomicBool::new(false) });
    let cancel = CancellationToken::new();
    let current = Current::follow(deaf.clone(), Duration::from_secs(2), &cancel).await.unwrap();
    let live = || current.get().ok().map(|opened| opened.generation);
    let pinned = current.get().unwrap();
    let switch = async |live| {
        let stated = inner.control().await.unwrap();
        assert!(inner.decide(stated.revision, &Control { live, last: TWO, ..stated.control }).await.unwrap());
    };
    switch(TWO).await;
    until(|| live() == Some(TWO)).await;
    assert_eq!(pinned.generation, Generation::FIRST, "who began to read stays with what it began with");

    deaf.deaf.store(true, Ordering::SeqCst);
    switch(Generation::FIRST).await;
    // Never the wrong one after it could have been taken away: it falls silent instead.
    until(|| live().is_none()).await;
    deaf.deaf.store(false, Ordering::SeqCst);
    until(|| live() == Some(Generation::FIRST)).await;
    cancel.cancel();
}
