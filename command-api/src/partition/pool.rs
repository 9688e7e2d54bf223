//! Producer sessions (rule 13): a small fixed pool, each partition pinned to one slot. Retiring a session makes every partition
//! pinned to it claim again with the successor.

use std::sync::Arc;

use domain::ids::PartitionId;
use domain::wire::Record;
use infra::log::{Appending, Fault, Log, Producer, Report, TopicPartition};
use tokio::sync::watch;

/// One session of a slot.
#[derive(Clone)]
pub struct Session {
    generation: u64,
    /// None where none could be started when its predecessor was retired. That one is never gone back to: what it has under way is in
    /// doubt, and retiring this one tries again.
    producer: Option<Arc<dyn Producer>>,
}

impl Session {
    /// [`Producer::send`].
    ///
    /// # Errors
    /// Those, and [`Fault::Unavailable`] where there is no producer.
    pub fn send(&self, to: TopicPartition, record: Record, report: Report) -> Result<(), Fault> {
        match self.producer() {
            Ok(producer) => producer.send(to, record, report),
            Err(fault) => {
                report.dismiss();
                Err(fault)
            }
        }
    }

    /// [`Producer::append`].
    ///
    /// # Errors
    /// Those, and [`Fault::Unavailable`] where there is no producer.
    pub fn append(&self, to: TopicPartition, record: Record) -> Result<Appending, Fault> {
        self.producer()?.append(to, record)
    }

    fn producer(&self) -> Result<&dyn Producer, Fault> {
        self.producer.as_deref().ok_or_else(|| Fault::Unavailable("no producer session could be started".to_owned()))
    }
}

/// The pool.
pub struct ProducerPool {
    log: Arc<dyn Log>,
    slots: Vec<watch::Sender<Session>>,
}

impl ProducerPool {
    /// Starts `size` sessions (at least one).
    ///
    /// # Errors
    /// When the log gives no session.
    pub fn start(log: Arc<dyn Log>, size: usize) -> Result<Self, Fault> {
        let slots = (0..size.max(1))
            .map(|_| Ok(watch::Sender::new(Session { generation: 0, producer: Some(log.producer()?) })))
            .collect::<Result<_, Fault>>()?;
        Ok(Self { log, slots })
    }

    /// The slot of a partition.
    pub fn slot(&self, partition: PartitionId) -> Slot {
        // The two topics share their partition numbers; shifting one of them spreads a small pool better.
        let number = usize::try_from(partition.number).unwrap_or_default() + partition.topic as usize;
        #[expect(clippy::indexing_slicing, reason = "the pool has at least one slot, and the index is taken modulo their count")]
        let current = self.slots[number % self.slots.len()].clone();
        Slot { log: Arc::clone(&self.log), replaced: current.subscribe(), current }
    }
}

/// A partition's place in the pool: the current session, and each successor.
pub struct Slot {
    log: Arc<dyn Log>,
    current: watch::Sender<Session>,
    replaced: watch::Receiver<Session>,
}

impl Slot {
    /// The current session; what [`Self::replaced`] reports is measured from here.
    pub fn session(&mut self) -> Session {
        self.replaced.borrow_and_update().clone()
    }

    /// Replaces `session` by a new one, unless another partition of the slot already did. It is over in any case.
    pub fn retire(&self, session: &Session) {
        self.current.send_if_modified(|current| {
            if current.generation != session.generation {
                return false;
            }
            let started = self.log.producer();
            let producer = started.inspect_err(|error| tracing::error!(%error, "no new producer session can be started")).ok();
            // Nobody need hear that there is still none.
            let is_news = producer.is_some() || current.producer.is_some();
            if is_news {
                *current = Session { generation: session.generation + 1, producer };
            }
            is_news
        });
    }

    /// Waits until the session that [`Self::session`] gave last is replaced.
    pub async fn replaced(&mut self) {
        // This slot holds a sender itself, so the channel never closes.
        let _ = self.replaced.changed().await;
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::EventTopic;
    use infra::log::embedded;
    use infra::log::testing::FaultyLog;

    use super::*;

    #[tokio::test]
    async fn a_session_that_was_retired_is_never_gone_back_to() {
        let folder = tempfile::tempdir().unwrap();
        let log = FaultyLog::new(embedded::open(folder.path(), embedded::Options::default()).unwrap(), 1).unwrap();
        let pool = ProducerPool::start(Arc::clone(&log) as Arc<dyn Log>, 1).unwrap();
        let partition = PartitionId { topic: EventTopic::Rooms, number: 0 };
        let append = |session: &Session| session.append(partition.into(), Record::default());
        let (mut slot, mut neighbour) = (pool.slot(partition), pool.slot(partition));
        let first = slot.session();
        neighbour.session();
        append(&first).unwrap().await.unwrap();

        log.refuse_sessions(2);
        for _ in 0..2 {
            let current = slot.session();
            slot.retire(&current);
            assert!(matches!(append(&slot.session()), Err(Fault::Unavailable(_))));
        }
        neighbour.replaced().await;
        assert!(matches!(append(&neighbour.session()), Err(Fault::Unavailable(_))), "nobody goes on with it");
        let none = slot.session();
        slot.retire(&none);
        append(&slot.session()).unwrap().await.unwrap();
        neighbour.replaced().await;
        append(&neighbour.session()).unwrap().await.unwrap();
    }
}
