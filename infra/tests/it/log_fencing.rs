//! The contract's part about several writers: the log and the acceptance rule together make one history of it.

use std::sync::Arc;

use domain::acceptance::{Cursor, Epoch, Ignored, Mark, Sequence, Verdict};
use domain::ids::{EventTopic, PartitionId};
use domain::wire::{Claim, Record};
use domain::{Timestamp, wire};
use infra::log::{Log, Offset, Producer, StoredRecord, Tail};
use tokio::sync::Barrier;
use uuid::Uuid;

use crate::log_contract::{Adapter, PATIENCE};

/// The partition that is fought for.
pub const PARTITION: PartitionId = PartitionId { topic: EventTopic::Rooms, number: 1 };

/// One reader's fold of [`PARTITION`].
pub struct Fold {
    tail: Box<dyn Tail>,
    pub cursor: Cursor,
    /// The offset of the next record.
    pub next: Offset,
    /// Every record so far, with the verdict.
    pub history: Vec<(Record, Verdict)>,
}

impl Fold {
    pub async fn start(log: &dyn Log) -> Self {
        let tail = log.tail(PARTITION.into(), 0).await.unwrap();
        Self { tail, cursor: Cursor::default(), next: 0, history: Vec::new() }
    }

    /// Folds what is there now.
    pub async fn catch_up(&mut self, log: &dyn Log) {
        let end = log.end(PARTITION.into()).await.unwrap();
        while self.next < end {
            self.step().await;
        }
    }

    /// Folds until `found` says so of a record, and gives the verdict of that one.
    pub async fn until(&mut self, found: impl Fn(&Record) -> bool) -> Verdict {
        let mut looked_at = self.history.len();
        loop {
            while let Some((record, verdict)) = self.history.get(looked_at) {
                if found(record) {
                    return *verdict;
                }
                looked_at += 1;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        let records = self.tail.next(100, PATIENCE).await.unwrap();
        assert!(!records.is_empty(), "what is there did not come");
        for StoredRecord { offset, record, .. } in records {
            let verdict = self.cursor.accept(record.mark());
            self.next = offset + 1;
            self.history.push((record, verdict));
        }
    }

    /// The effective claims, in order.
    pub fn claims(&self) -> Vec<(Epoch, Uuid)> {
        let effective = self.history.iter().filter(|(_, verdict)| *verdict == Verdict::Claimed);
        effective
            .map(|(record, _)| match record.mark() {
                Mark::Claim { epoch } => (epoch, record.claim().unwrap().claim_id),
                mark => unreachable!("{mark:?} was taken for a claim"),
            })
            .collect()
    }

    /// The effective events and barriers, in order.
    pub fn effective(&self) -> Vec<(Epoch, Sequence)> {
        let effective = self.history.iter().filter(|(_, verdict)| *verdict == Verdict::Effective);
        effective
            .map(|(record, _)| match record.mark() {
                Mark::Numbered { epoch, sequence } => (epoch, sequence),
                mark => unreachable!("{mark:?} was taken for an event"),
            })
            .collect()
    }

    /// How many records were ignored for that reason.
    pub fn ignored(&self, reason: Ignored) -> usize {
        self.history.iter().filter(|(_, verdict)| *verdict == Verdict::Ignored(reason)).count()
    }
}

/// A fresh claim of [`PARTITION`].
pub fn claim(epoch: Epoch) -> (Uuid, Record) {
    let claim_id = infra::random::uuid_v4();
    let claim = Claim { claim_id, node: "test".to_owned(), url: "http://127.0.0.1:1".to_owned() };
    (claim_id, Record::of_claim(PARTITION, epoch, &claim, Timestamp::default()))
}

/// A numbered record of [`PARTITION`].
pub fn barrier(epoch: Epoch, sequence: Sequence) -> Record {
    Record::of_barrier(PARTITION, epoch, sequence, Timestamp::default())
}

/// Claims the partition until it is won, as rule 2 of the design says. Gives the epoch.
pub async fn win(log: &dyn Log, producer: &dyn Producer, fold: &mut Fold) -> Epoch {
    loop {
        fold.catch_up(log).await;
        let epoch = fold.cursor.epoch + 1;
        if try_claim(producer, fold, epoch).await.is_some() {
            return epoch;
        }
    }
}

/// Claims `epoch` and folds up to that very claim; gives its id if it is effective.
async fn try_claim(producer: &dyn Producer, fold: &mut Fold, epoch: Epoch) -> Option<Uuid> {
    let (id, record) = claim(epoch);
    producer.append(PARTITION.into(), record).unwrap().await.unwrap();
    let verdict = fold.until(|record| record.claim().is_some_and(|claim| claim.claim_id == id)).await;
    (verdict == Verdict::Claimed).then_some(id)
}

pub async fn of_rival_claims_one_is_effective_for_every_reader(adapter: impl Adapter) {
    const CLAIMANTS: usize = 8;
    const ROUNDS: usize = 5;
    let log = adapter.open().await;
    let together = Arc::new(Barrier::new(CLAIMANTS));
    let claimants: Vec<_> = (0..CLAIMANTS)
        .map(|_| {
            let (log, together) = (log.clone(), together.clone());
            tokio::spawn(async move {
                let producer = log.producer().unwrap();
                let mut fold = Fold::start(&*log).await;
                let mut won = Vec::new();
                for _ in 0..ROUNDS {
                    fold.catch_up(&*log).await;
                    together.wait().await;
                    let epoch = fold.cursor.epoch + 1;
                    if let Some(id) = try_claim(&*producer, &mut fold, epoch).await {
                        won.push((epoch, id));
                        let sequence = fold.cursor.sequence + 1;
                        producer.append(PARTITION.into(), barrier(epoch, sequence)).unwrap().await.unwrap();
                    }
                    together.wait().await;
                }
                fold.catch_up(&*log).await;
                (won, fold)
            })
        })
        .collect();
    let mut won = Vec::new();
    let mut folds = Vec::new();
    for claimant in claimants {
        let (its, fold) = claimant.await.unwrap();
        won.extend(its);
        folds.push(fold);
    }
    won.sort();
    let mut fresh = Fold::start(&*log).await;
    fresh.catch_up(&*log).await;
    assert_eq!(fresh.claims(), won, "those who think that they won are those who won");
    let epochs: Vec<_> = won.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, (1..=ROUNDS as Epoch).collect::<Vec<_>>(), "one winner a round");
    for fold in folds {
        assert_eq!((fold.claims(), fold.effective()), (fresh.claims(), fresh.effective()), "all readers agree");
    }
    assert_eq!(fresh.ignored(Ignored::LateClaim), CLAIMANTS * ROUNDS - ROUNDS);
}

pub async fn appends_of_unknown_outcome_leave_a_prefix(adapter: impl Adapter) {
    const APPENDS: Sequence = 2_000;
    let log = adapter.open().await;
    let mut fold = Fold::start(&*log).await;
    let producer = log.producer().unwrap();
    let first = win(&*log, &*producer, &mut fold).await;
    let mut under_way: Vec<_> =
        (1..=APPENDS).map(|sequence| (sequence, producer.append(PARTITION.into(), barrier(first, sequence)).unwrap())).collect();
    let mut confirmed = Vec::new();
    for (sequence, appending) in under_way.drain(..100) {
        appending.await.unwrap();
        confirmed.push(sequence);
    }
    drop(producer);
    // The next owner claims with a new session while the old one's records may still arrive.
    let successor = log.producer().unwrap();
    let second = win(&*log, &*successor, &mut fold).await;
    let mut sequence = fold.cursor.sequence;
    for _ in 0..10 {
        sequence += 1;
        successor.append(PARTITION.into(), barrier(second, sequence)).unwrap().await.unwrap();
    }
    for (sequence, appending) in under_way {
        if appending.await.is_ok() {
            confirmed.push(sequence);
        }
    }
    let mut fresh = Fold::start(&*log).await;
    fresh.catch_up(&*log).await;
    let effective = fresh.effective();
    assert!(effective.iter().map(|(_, sequence)| *sequence).eq(1..=sequence), "no hole, no repeat, no reorder");
    let of_first = effective.iter().filter(|(epoch, _)| *epoch == first).count();
    assert!(effective[..of_first].iter().all(|(epoch, _)| *epoch == first), "nothing old counts after the new claim");
    assert_eq!(effective.len() - of_first, 10);
    // What was confirmed is there; whether it counts depends on the claim alone, so all that came before the claim does.
    let stored = |sequence| fresh.history.iter().any(|(record, _)| *record == barrier(first, sequence));
    assert!(confirmed.iter().all(|sequence| stored(*sequence)));
    assert!(of_first >= 100, "what was confirmed before the successor claimed counts");
    assert_eq!(fresh.history.iter().filter(|(record, _)| record.header("ce_type") == Some(wire::CLAIMED)).count(), 2);
}
